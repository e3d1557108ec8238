# Hashes, expressions and threads of perl: each thread copies the interpreter.
use strict;
use warnings;
use threads;
use threads::shared;

my $work = shift;
my %words;
for my $i (1 .. $work * 20) {
    my $word = join '', map { chr 97 + ($i * $_ * 31) % 26 } 1 .. 4;
    push @{$words{$word}}, $i;
}
print scalar(keys %words), " words\n";
my ($longest) = sort { @{$words{$b}} <=> @{$words{$a}} || $a cmp $b } keys %words;
print "$longest: @{$words{$longest}}[0 .. 1]\n";

my $total : shared = 0;
my @threads = map {
    my $number = $_;
    threads->create(sub {
        my %squares = map { $_ => $_ * $_ } 1 .. $work;
        my $sum = 0;
        $sum += $squares{$_} for keys %squares;
        my $text = "thread $number " x $work;
        my $found = () = $text =~ /(\w+) $number/g;
        { lock $total; $total += $sum + $found; }
        return [$number, $sum, $found, length $text];
    });
} 1 .. 4;
print join(' ', @{$_->join}), "\n" for @threads;
print "total $total\n";

if (my $pid = fork) {
    waitpid $pid, 0;
    print "child ", $? >> 8, "\n";
} else {
    my @copy = map { [@$_] } values %words;
    exit(@copy % 200);
}
