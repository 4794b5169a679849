# A second opinion: Mail::SPF, Mail::DKIM and Mail::DMARC of Debian, asking the same DNS.
# One JSON object a line in, one word a line out.
use strict;
use warnings;
use JSON::PP;
use Net::DNS;
use Mail::SPF;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Mail::DMARC::PurePerl;

my ($host, $port) = @ARGV;
my $names = Net::DNS::Resolver->new(nameservers => [$host], port => $port, recurse => 1, udp_timeout => 5);
Mail::DKIM::DNS::resolver($names);
my $spf = Mail::SPF::Server->new(dns_resolver => $names);
$| = 1;

sub spf_result {
    my ($case) = @_;
    my $scope = $case->{sender} ne '' ? 'mfrom' : 'helo';
    my $request = Mail::SPF::Request->new(
        versions => [1], scope => $scope, ip_address => $case->{peer},
        identity => $scope eq 'mfrom' ? $case->{sender} : $case->{helo},
        helo_identity => $case->{helo},
    );
    return $spf->process($request)->code;
}

sub dkim_result {
    my ($case) = @_;
    open(my $file, '<:raw', $case->{file}) or die $!;
    local $/;
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(<$file>);
    $verifier->CLOSE;
    return join(',', map { $_->result } $verifier->signatures) || 'none';
}

sub dmarc_result {
    my ($case) = @_;
    my $dmarc = Mail::DMARC::PurePerl->new;
    $dmarc->set_resolver($names);
    $dmarc->config->{dns}{public_suffix_list} = $case->{suffixes};
    $dmarc->header_from($case->{author});
    $dmarc->source_ip('192.0.2.1');
    $dmarc->envelope_from('x.test');
    $dmarc->spf([{ scope => 'mfrom', domain => $_->{domain}, result => 'pass' }]) for @{ $case->{spf} };
    $dmarc->dkim([map { { domain => $_, selector => 's', result => 'pass' } } @{ $case->{dkim} }]);
    my $result = $dmarc->validate();
    my $policy = $result->result eq 'fail' ? ' ' . $result->disposition : '';
    return $result->result . $policy;
}

my %of = (spf => \&spf_result, dkim => \&dkim_result, dmarc => \&dmarc_result);
while (my $line = <STDIN>) {
    my $case = decode_json($line);
    my $said = eval { $of{ $case->{kind} }->($case) };
    $said = "died $@" unless defined $said;
    $said =~ s/\s+/ /g;
    print "$said\n";
}
