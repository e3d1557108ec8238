<?php
// Arrays, expressions and extensions of php, which loads its modules with
// RTLD_DEEPBIND: they would find another malloc than the program's.
$work = (int) $argv[1];

$records = [];
for ($i = 0; $i < $work * 10; $i++) {
    $records["item $i"] = ['id' => $i, 'parts' => range(0, $i % 13), 'ratio' => $i / 8];
}
$text = json_encode($records);
var_dump(json_decode($text, true) == $records);
printf("%d %s\n", strlen($text), hash('sha256', $text));
printf("%d\n", preg_match_all('/"id":(\d*7),/', $text, $found));
krsort($records);
printf("%s\n", implode(',', array_slice(array_keys($records), 0, 5)));
printf("%s\n", md5(serialize($records)));
if (function_exists('ctype_alpha')) {
    var_dump(ctype_alpha('heap'), ctype_alpha('h3ap'));
}
if (function_exists('iconv')) {
    var_dump(bin2hex(iconv('UTF-8', 'UTF-16LE', "na\u{ef}ve")));
}
$date = new DateTime('2001-09-09 01:46:40', new DateTimeZone('UTC'));
printf("%s\n", $date->modify('+1000 days')->format(DATE_ATOM));
$store = new SplObjectStorage();
for ($i = 0; $i < $work; $i++) {
    $store->attach(new ArrayObject(array_fill(0, $i % 50, "value $i")));
}
printf("%d %d\n", count($store), gc_collect_cycles());
