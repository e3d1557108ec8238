# Hashes of arrays, substitutions, joins.
use strict;
use warnings;
my %index;
open my $file, '<', $ARGV[0] or die;
while (my $line = <$file>) {
    push @{ $index{$_} }, $. for split ' ', $line;
}
my @pages = map { join ',', $_, @{ $index{$_} } } sort keys %index;
my $long = join "\n", @pages;
$long =~ s/(\d+),(\d+)/$2;$1/g;
my %copy = map { $_ => [ @{ $index{$_} } ] } keys %index;
print length($long), ' ', scalar(keys %copy), "\n";
