#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
# For differential.py: verifies with Mail::DKIM. Each line of standard input: MESSAGE TAB ZONE. Prints a line a message:
# the results of its signatures, separated by spaces.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS;

my %keys;

{
	no warnings 'redefine';
	*Mail::DKIM::DNS::query = sub {
		my ($name) = @_;
		my $text = $keys{ lc $name };
		return unless defined $text;
		return Net::DNS::RR->new(owner => "key.example", type => 'TXT', txtdata => [ unpack '(A200)*', $text ]);
	};
}

sub read_zone {
	my ($path) = @_;
	%keys = ();
	open my $file, '<', $path or die "$path: $!\n";
	while (<$file>) {
		chomp;
		my ($name, $type, $data) = split /\t/, $_, 3;
		$keys{ lc $name } = $data if $type eq 'TXT';
	}
}

my $last = '';
while (<STDIN>) {
	chomp;
	my ($message, $zone) = split /\t/;
	read_zone($last = $zone) if $zone ne $last;
	open my $file, '<:raw', $message or die "$message: $!\n";
	my $text = do { local $/; <$file> };
	my @results = eval {
		my $verifier = Mail::DKIM::Verifier->new;
		$verifier->PRINT($text);
		$verifier->CLOSE;
		map { $_->result } $verifier->signatures;
	};
	print $@ ? "died" : "@results", "\n";
}
