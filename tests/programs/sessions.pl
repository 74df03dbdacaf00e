# TLS server and client in one script, by Perl's Net::SSLeay over memory BIOs: prints what is resumed, the answers of the
# session functions, the callbacks that come, and the statistics.
#
# sessions.pl CERT KEY: run by tests/programs/scripts.rs with stock libssl and with the library preloaded.

use strict;
use warnings;
use Net::SSLeay;

Net::SSLeay::initialize();

my @STATISTICS = qw(number accept accept_good hits cb_hits misses timeouts cache_full);

sub stats {
    my ($ctx) = @_;
    no strict 'refs';
    return join ' ', map { "$_=" . &{"Net::SSLeay::CTX_sess_$_"}($ctx) } @STATISTICS;
}

sub server_ctx {
    my ($version) = @_;
    my $ctx = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_server_method()) or die;
    Net::SSLeay::set_cert_and_key($ctx, $ARGV[0], $ARGV[1]) or die 'certificate';
    Net::SSLeay::CTX_set_options($ctx, Net::SSLeay::OP_NO_TICKET());
    Net::SSLeay::CTX_set_min_proto_version($ctx, $version);
    Net::SSLeay::CTX_set_max_proto_version($ctx, $version);
    Net::SSLeay::CTX_set_session_id_context($ctx, 'pl', 2) or die 'id context';
    return $ctx;
}

# An SSL over two memory BIOs.
sub end {
    my ($ctx) = @_;
    my $ssl = Net::SSLeay::new($ctx) or die;
    my ($in, $out) = map { Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) } 1 .. 2;
    Net::SSLeay::set_bio($ssl, $in, $out);
    return { ssl => $ssl, in => $in, out => $out };
}

sub carry {
    my ($from, $to) = @_;
    while (Net::SSLeay::BIO_pending($from->{out}) > 0) {
        Net::SSLeay::BIO_write($to->{in}, Net::SSLeay::BIO_read($from->{out}));
    }
}

# One connection that offers $session: the letter and the session it ended with.
sub connection {
    my ($server_ctx, $client_ctx, $session, %how) = @_;
    my ($server, $client) = (end($server_ctx), end($client_ctx));
    Net::SSLeay::set_accept_state($server->{ssl});
    Net::SSLeay::set_connect_state($client->{ssl});
    Net::SSLeay::set_session($client->{ssl}, $session) if $session;
    for (1 .. 4) {
        Net::SSLeay::do_handshake($client->{ssl});
        carry($client, $server);
        Net::SSLeay::do_handshake($server->{ssl});
        carry($server, $client);
    }
    Net::SSLeay::write($server->{ssl}, 'hello') == 5 or die 'no handshake';
    carry($server, $client);
    (Net::SSLeay::read($client->{ssl}))[0] eq 'hello' or die 'no answer'; # tickets come before it
    my $letter = Net::SSLeay::session_reused($client->{ssl}) ? 'R' : 'N';
    my $next = Net::SSLeay::get1_session($client->{ssl});
    for my $end ($client, $server) {
        Net::SSLeay::shutdown($end->{ssl}) unless $how{abrupt};
        Net::SSLeay::free($end->{ssl});
    }
    return ($letter, $next);
}

# Each connection offers the session of the one before.
sub reconnect {
    my ($server_ctx, $count, $session, %how) = @_;
    my $client_ctx = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_client_method()) or die;
    my $letters = '';
    for (1 .. $count) {
        (my $letter, $session) = connection($server_ctx, $client_ctx, $session, %how);
        $letters .= $letter;
    }
    return ($letters, $session);
}

sub resumption {
    my %versions = (1.2 => Net::SSLeay::TLS1_2_VERSION(), 1.3 => Net::SSLeay::TLS1_3_VERSION());
    for my $name (sort keys %versions) {
        my $ctx = server_ctx($versions{$name});
        my ($letters) = reconnect($ctx, 6);
        print "TLS $name $letters: ", stats($ctx), "\n";
        ($letters) = reconnect($ctx, 3, undef, abrupt => 1);
        print "without a goodbye $letters: ", stats($ctx), "\n";
    }
}

# A session of TLS 1.2 and of the server's id context that another context has made.
sub session_of_another {
    my $ctx = server_ctx(Net::SSLeay::TLS1_2_VERSION());
    my $kept;
    Net::SSLeay::CTX_sess_set_new_cb($ctx, sub { $kept = $_[1]; 1 });
    my (undef, $offered) = reconnect($ctx, 1);
    return ($kept, $offered);
}

sub own_hands {
    my $ctx = server_ctx(Net::SSLeay::TLS1_2_VERSION());
    my ($session, $offered) = session_of_another();
    print 'mode ', Net::SSLeay::CTX_get_session_cache_mode($ctx), ' size ', Net::SSLeay::CTX_sess_get_cache_size($ctx), "\n";
    print 'added ', Net::SSLeay::CTX_add_session($ctx, $session), ', again ', Net::SSLeay::CTX_add_session($ctx, $session), "\n";
    my ($letters) = reconnect($ctx, 2, $offered);
    print "so it is resumed: $letters, ", stats($ctx), "\n";
    print 'removed ', Net::SSLeay::CTX_remove_session($ctx, $session), ', again ',
        Net::SSLeay::CTX_remove_session($ctx, $session), ', resumable ', Net::SSLeay::SESSION_is_resumable($session), "\n";
    ($letters) = reconnect($ctx, 2, $offered);
    print "so it is not: $letters, ", stats($ctx), "\n";
    Net::SSLeay::CTX_flush_sessions($ctx, 0);
    print 'all flushed: ', stats($ctx), "\n";
}

# Sessions whose time is changed while they are cached leave in the order of their new times.
sub flushing {
    my $ctx = server_ctx(Net::SSLeay::TLS1_2_VERSION());
    my ($left, %name, @sessions) = ('');
    Net::SSLeay::CTX_sess_set_remove_cb($ctx, sub { $left .= $name{ $_[1] } });
    for my $name ('a' .. 'e') {
        my ($session) = session_of_another();
        $name{$session} = $name;
        push @sessions, $session;
        Net::SSLeay::CTX_add_session($ctx, $session) == 1 or die 'not added';
    }
    for my $at (0 .. $#sessions) {
        Net::SSLeay::SESSION_set_timeout($sessions[$at], 100);
        Net::SSLeay::SESSION_set_time($sessions[$at], 1000 - 10 * $at);
    }
    for my $time (1060, 1061, 1080, 1081, 0) {
        Net::SSLeay::CTX_flush_sessions($ctx, $time);
        print "flushed at $time: $left, ", stats($ctx), "\n";
    }
    Net::SSLeay::CTX_free($ctx);
    print "context freed: $left\n";
}

sub evicting {
    my $ctx = server_ctx(Net::SSLeay::TLS1_2_VERSION());
    my $left = 0;
    Net::SSLeay::CTX_sess_set_remove_cb($ctx, sub { $left++ });
    print 'size was ', Net::SSLeay::CTX_sess_set_cache_size($ctx, 4), "\n";
    reconnect($ctx, 1) for 1 .. 6;
    print "six in a cache of four: $left left, ", stats($ctx), "\n";
    Net::SSLeay::CTX_free($ctx);
    print "context freed: $left left\n";
}

sub off {
    my $ctx = server_ctx(Net::SSLeay::TLS1_2_VERSION());
    print 'mode was ', Net::SSLeay::CTX_set_session_cache_mode($ctx, Net::SSLeay::SESS_CACHE_OFF()), "\n";
    my ($letters) = reconnect($ctx, 3);
    print "off $letters: ", stats($ctx), "\n";
}

resumption();
own_hands();
flushing();
evicting();
off();
