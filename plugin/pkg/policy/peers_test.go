package policy

import "testing"

// TestZonesAsPeersTest are cases of the peers' own tests, with names and addresses
// of ours: where a peer wants something else than the draft, the row says so.
func TestZonesAsPeersTest(t *testing.T) {
	const (
		// After BIND's bin/tests/system/rpz/test1.
		names = `
			nx.two.example CNAME .
			nodata.two.example CNAME *.
			target-nx.two.example CNAME .
			target-nodata.two.example CNAME *.
			one.sub1.example A 192.0.2.112
			nxc1.sub1.example CNAME walled.two.example.
			first.two.example A 192.0.2.141
			itself.two.example CNAME itself.two.example.
			six.two.example CNAME *.four.example.
			*.sub1.example CNAME *.four.example.
			five.two.example A 192.0.2.16
			chain.two.example CNAME .
			chain-cname.two.example A 192.0.2.17
			---
			first.two.example A 192.0.2.142`
		// After test2.
		addrs = `
			32.1.2.0.192.rpz-ip CNAME *.
			24.0.100.51.198.rpz-ip CNAME .
			32.1.100.51.198.rpz-ip CNAME 32.1.100.51.198.
			32.3.100.51.198.rpz-ip CNAME *.
			32.4.100.51.198.rpz-ip CNAME rpz-passthru.
			128.1.zz.3.db8.2001.rpz-ip CNAME .
			32.51.2.0.192.rpz-ip A 192.0.2.201
			32.52.2.0.192.rpz-ip A 192.0.2.202
			32.53.2.0.192.rpz-ip A 192.0.2.203
			32.54.2.0.192.rpz-ip CNAME walled.two.example.
			both.two.example CNAME walled.four.example.
			---
			32.53.2.0.192.rpz-ip A 192.0.2.204`
		// After test3.
		servers = `
			*.sub1.example.rpz-nsdname CNAME .
			*.sub2.example.rpz-nsdname CNAME walled.example.
			exempt.two.example CNAME exempt.two.example.
			24.0.2.0.192.rpz-ip CNAME 24.0.2.0.192.
			named.two.example A 192.0.2.112
			ns.sub3.example.rpz-nsdname A 192.0.2.1
			ns.subsub.sub3.example.rpz-nsdname A 192.0.2.2
			ns.two.example.rpz-nsdname CNAME *.`
		serversNS = `sub1.example ns.sub1.example
			subsub.sub1.example ns.subsub.sub1.example
			sub2.example ns.sub2.example
			subsub.sub2.example ns.subsub.sub2.example
			sub3.example ns.sub3.example
			subsub.sub3.example ns.subsub.sub3.example
			two.example ns.two.example`
		// After test4.
		hosts = `
			32.53.100.51.198.rpz-nsip CNAME .
			exempt.two.example CNAME rpz-passthru.
			24.0.2.0.192.rpz-ip CNAME rpz-passthru.`
		hostsNS = `two.example ns.two.example 198.51.100.53
			four.example ns.four.example 198.51.100.54`
		// After PowerDNS's RPZOrderingPrecedenceRecursorTest.
		precedence = `
			*.test.example CNAME rpz-passthru.
			32.66.2.0.192.rpz-ip A 192.0.2.1
			32.100.2.0.192.rpz-ip CNAME rpz-passthru.
			same.example CNAME rpz-passthru.
			32.53.100.51.198.rpz-nsip CNAME rpz-passthru.
			---
			sub.test.example CNAME .
			higher.example CNAME rpz-passthru.
			blocked.example A 192.0.2.1
			32.42.2.0.192.rpz-ip CNAME .`
		// After Unbound's testdata/rpz_qname.rpl.
		unboundNames = `
			a CNAME .
			*.a TXT "wildcard local data"
			b.a CNAME *.
			c.a CNAME rpz-passthru.
			---
			a TXT "second"
			d TXT "second"
			drop CNAME rpz-drop.`
		// After testdata/rpz_respip.rpl.
		unboundAddrs = `
			8.0.0.0.10.rpz-ip CNAME *.
			16.0.0.10.10.rpz-ip CNAME .
			24.0.10.10.10.rpz-ip CNAME rpz-drop.
			32.10.10.10.10.rpz-ip CNAME rpz-passthru.
			32.zz.db8.2001.rpz-ip CNAME *.
			48.zz.aa.db8.2001.rpz-ip CNAME .
			64.zz.bb.aa.db8.2001.rpz-ip CNAME rpz-drop.
			128.1.zz.cc.bb.aa.db8.2001.rpz-ip CNAME rpz-passthru.
			---
			32.10.10.10.10.rpz-ip A 203.0.113.123
			32.123.2.0.192.rpz-ip A 203.0.113.123`
		// After testdata/rpz_clientip.rpl.
		unboundClients = `
			25.0.100.51.198.rpz-client-ip CNAME .
			26.128.100.51.198.rpz-client-ip CNAME *.
			32.200.100.51.198.rpz-client-ip CNAME rpz-drop.
			32.201.100.51.198.rpz-client-ip CNAME rpz-passthru.
			32.202.100.51.198.rpz-client-ip CNAME rpz-tcp-only.
			32.203.100.51.198.rpz-client-ip A 192.0.2.1
			32.203.100.51.198.rpz-client-ip TXT "42"`
	)
	runZoneRows(t, []zoneRow{
		{name: "BIND 1: NXDOMAIN", zones: names, ask: "nx.two.example A", want: "nxdomain by qname nx.two.example line 1 in zone 1, at once"},
		{name: "BIND 1: NODATA", zones: names, ask: "nodata.two.example A", want: "nodata by qname nodata.two.example line 2 in zone 1, at once"},
		{name: "BIND 1: a name that is not there", zones: names, ask: "nxc1.sub1.example A", want: "local-data by qname nxc1.sub1.example line 6 in zone 1, at once"},
		{name: "BIND 1: NXDOMAIN by the target", zones: names, ask: "x.two.example A", up: "x.two.example CNAME target-nx.two.example.",
			want: "nxdomain by qname target-nx.two.example line 3 in zone 1, record 1"},
		{name: "BIND 1: NODATA by the target", zones: names, ask: "x.two.example A", up: "x.two.example CNAME target-nodata.two.example.",
			want: "nodata by qname target-nodata.two.example line 4 in zone 1, record 1"},
		{name: "BIND 1: replaced by its exact name", zones: names, ask: "one.sub1.example A", want: "local-data by qname one.sub1.example line 5 in zone 1, at once"},
		{name: "BIND 1: replaced by the wildcard", zones: names, ask: "two.sub1.example A", want: "local-data by qname *.sub1.example line 10 in zone 1, at once"},
		{name: "BIND 1: the first of two zones", zones: names, ask: "first.two.example A", want: "local-data by qname first.two.example line 7 in zone 1, at once"},
		{name: "BIND 1: old passthru", zones: names, ask: "itself.two.example A", want: "passthru by qname itself.two.example line 8 in zone 1, at once"},
		{name: "BIND 1: the chain stops at the first hit", zones: names, ask: "chain-cname3.two.example A",
			up:   "chain-cname3.two.example CNAME chain-cname2.two.example.\nchain-cname2.two.example CNAME chain-cname.two.example.\nchain-cname.two.example CNAME chain.two.example.",
			want: "local-data by qname chain-cname.two.example line 13 in zone 1, record 2"},

		{name: "BIND 2: NODATA", zones: addrs, ask: "x.two.example A", up: "x.two.example A 192.0.2.1", want: "nodata by response-ip 192.0.2.1/32 line 1 in zone 1, record 1"},
		{name: "BIND 2: none", zones: addrs, ask: "x.two.example A", up: "x.two.example A 192.0.2.2", want: "pass"},
		{name: "BIND 2: old passthru", zones: addrs, ask: "x.two.example A", up: "x.two.example A 198.51.100.1", want: "passthru by response-ip 198.51.100.1/32 line 3 in zone 1, record 1"},
		{name: "BIND 2: NXDOMAIN by the network", zones: addrs, ask: "x.two.example A", up: "x.two.example A 198.51.100.2", want: "nxdomain by response-ip 198.51.100.0/24 line 2 in zone 1, record 1"},
		{name: "BIND 2: no A, no rule", zones: addrs, ask: "x.two.example AAAA", up: "x.two.example AAAA 2001:db8::2", want: "pass"},
		{name: "BIND 2: ANY", zones: addrs, ask: "x.two.example ANY", up: "x.two.example A 198.51.100.2", want: "nxdomain by response-ip 198.51.100.0/24 line 2 in zone 1, record 1"},
		{name: "BIND 2: the longest prefix", zones: addrs, ask: "x.two.example A", up: "x.two.example A 198.51.100.3", want: "nodata by response-ip 198.51.100.3/32 line 4 in zone 1, record 1"},
		{name: "BIND 2: IPv6", zones: addrs, ask: "x.two.example AAAA", up: "x.two.example AAAA 2001:db8:3::1", want: "nxdomain by response-ip 2001:db8:3::1/128 line 6 in zone 1, record 1"},
		{name: "BIND 2: the smallest address", zones: addrs, ask: "x.two.example A", up: "x.two.example A 192.0.2.52\nx.two.example A 192.0.2.51", want: "local-data by response-ip 192.0.2.51/32 line 7 in zone 1, record 2"},
		{name: "BIND 2: the first of two zones", zones: addrs, ask: "x.two.example A", up: "x.two.example A 192.0.2.53", want: "local-data by response-ip 192.0.2.53/32 line 9 in zone 1, record 1"},
		{name: "BIND 2: the name before the address", zones: addrs, ask: "both.two.example A", up: "both.two.example A 192.0.2.54", want: "local-data by qname both.two.example line 11 in zone 1, at once"},
		{name: "BIND 2: a hole in the network", zones: addrs, ask: "x.two.example A", up: "x.two.example A 198.51.100.4", want: "passthru by response-ip 198.51.100.4/32 line 5 in zone 1, record 1"},

		{name: "BIND 3: below the wildcard", zones: servers, ns: serversNS, ask: "x.sub1.example A", want: "nxdomain by nsdname *.sub1.example line 1 in zone 1"},
		{name: "BIND 3: deeper", zones: servers, ns: serversNS, ask: "x.subsub.sub1.example ANY", want: "nxdomain by nsdname *.sub1.example line 1 in zone 1"},
		{name: "BIND 3: a garden", zones: servers, ns: serversNS, ask: "x.subsub.sub2.example A", want: "local-data by nsdname *.sub2.example line 2 in zone 1"},
		{name: "BIND 3: exempt by name", zones: servers, ns: serversNS, ask: "exempt.two.example A", want: "passthru by qname exempt.two.example line 3 in zone 1, at once"},
		{name: "BIND 3: exempt by address", zones: servers, ns: serversNS, ask: "x.two.example A", up: "x.two.example A 192.0.2.9", want: "passthru by response-ip 192.0.2.0/24 line 4 in zone 1, record 1"},
		{name: "BIND 3: a name before a server", zones: servers, ns: serversNS, ask: "named.two.example A", want: "local-data by qname named.two.example line 5 in zone 1, at once"},
		{name: "BIND 3: one server", zones: servers, ns: serversNS, ask: "x.sub3.example A", want: "local-data by nsdname ns.sub3.example line 6 in zone 1"},
		{name: "BIND 3: the largest server's name", zones: servers, ns: serversNS, ask: "x.subsub.sub3.example A", want: "local-data by nsdname ns.subsub.sub3.example line 7 in zone 1"},

		{name: "BIND 4: a server's address", zones: hosts, ns: hostsNS, ask: "x.two.example A", up: "x.two.example A 203.0.113.1", want: "nxdomain by nsip 198.51.100.53/32 line 1 in zone 1"},
		{name: "BIND 4: exempt by name", zones: hosts, ns: hostsNS, ask: "exempt.two.example A", want: "passthru by qname exempt.two.example line 2 in zone 1, at once"},
		{name: "BIND 4: exempt by address", zones: hosts, ns: hostsNS, ask: "x.two.example A", up: "x.two.example A 192.0.2.9", want: "passthru by response-ip 192.0.2.0/24 line 3 in zone 1, record 1"},
		{name: "BIND 4: another server", zones: hosts, ns: hostsNS, ask: "x.four.example A", want: "pass"},

		{name: "PowerDNS: a wildcard of the first zone before the exact name of the second", zones: precedence, ask: "sub.test.example A", up: "sub.test.example A 192.0.2.42",
			want: "passthru by qname *.test.example line 1 in zone 1, at once"},
		{name: "PowerDNS: passthru of the second zone, and then blocked by the first", zones: precedence, ask: "higher.example A", up: "higher.example A 192.0.2.66",
			want: "local-data by response-ip 192.0.2.66/32 line 2 in zone 1, record 1"},
		{name: "PowerDNS: passthru of the first zone, and no more of it", zones: precedence, ask: "same.example A", up: "same.example A 192.0.2.66",
			want: "passthru by qname same.example line 4 in zone 1, at once"},
		{name: "PowerDNS blocks this at once, and says that the specification wants it to pass", zones: precedence, ask: "blocked.example A", up: "blocked.example A 192.0.2.100",
			want: "passthru by response-ip 192.0.2.100/32 line 3 in zone 1, record 1"},
		{name: "PowerDNS: the server passes by the first zone, the address is on the second", zones: precedence, ns: "example ns.example 198.51.100.53", ask: "x.delegated.example A", up: "x.delegated.example A 192.0.2.42",
			want: "passthru by nsip 198.51.100.53/32 line 5 in zone 1"},
		{name: "PowerDNS: an address at the end of a chain", zones: "32.100.2.0.192.rpz-ip CNAME .", ask: "x.example A", up: "x.example CNAME y.example.\ny.example A 192.0.2.100",
			want: "nxdomain by response-ip 192.0.2.100/32 line 1 in zone 1, record 2"},
		{name: "PowerDNS: the target of a rule's CNAME has a rule that does not count", zones: "cname.example CNAME target.example.\ntarget.example A 192.0.2.253", ask: "x.example A", up: "x.example CNAME cname.example.\ncname.example A 192.0.2.255",
			want: "local-data by qname cname.example line 1 in zone 1, record 1"},

		{name: "Unbound: a top-level name", zones: unboundNames, ask: "a TXT", want: "nxdomain by qname a line 1 in zone 1, at once"},
		{name: "Unbound: the wildcard below it", zones: unboundNames, ask: "x.a.a TXT", want: "local-data by qname *.a line 2 in zone 1, at once"},
		{name: "Unbound: an exact name beside it", zones: unboundNames, ask: "b.a TXT", want: "nodata by qname b.a line 3 in zone 1, at once"},
		{name: "Unbound: which hides it", zones: unboundNames, ask: "x.b.a TXT", want: "pass"},
		{name: "Unbound: passthru", zones: unboundNames, ask: "c.a TXT", want: "passthru by qname c.a line 4 in zone 1, at once"},
		{name: "Unbound: the second zone", zones: unboundNames, ask: "d TXT", want: "local-data by qname d line 2 in zone 2, at once"},
		{name: "Unbound: nested prefixes, /8", zones: unboundAddrs, ask: "b A", up: "b A 10.1.0.123", want: "nodata by response-ip 10.0.0.0/8 line 1 in zone 1, record 1"},
		{name: "Unbound: /16", zones: unboundAddrs, ask: "d A", up: "d A 10.10.0.123", want: "nxdomain by response-ip 10.10.0.0/16 line 2 in zone 1, record 1"},
		{name: "Unbound: /24", zones: unboundAddrs, ask: "e A", up: "e A 10.10.10.123", want: "drop by response-ip 10.10.10.0/24 line 3 in zone 1, record 1"},
		{name: "Unbound: /32, and the second zone has it too", zones: unboundAddrs, ask: "f A", up: "f A 10.10.10.10", want: "passthru by response-ip 10.10.10.10/32 line 4 in zone 1, record 1"},
		{name: "Unbound: nested prefixes of IPv6", zones: unboundAddrs, ask: "e AAAA", up: "e AAAA 2001:db8:aa:bb::123", want: "drop by response-ip 2001:db8:aa:bb::/64 line 7 in zone 1, record 1"},
		{name: "Unbound: the longest of IPv6", zones: unboundAddrs, ask: "f AAAA", up: "f AAAA 2001:db8:aa:bb:cc::1", want: "passthru by response-ip 2001:db8:aa:bb:cc::1/128 line 8 in zone 1, record 1"},
		{name: "Unbound: the second zone's address", zones: unboundAddrs, ask: "g A", up: "g A 192.0.2.123", want: "local-data by response-ip 192.0.2.123/32 line 2 in zone 2, record 1"},
		{name: "Unbound: a client to NXDOMAIN", zones: unboundClients, ask: "a.a TXT from 198.51.100.1", want: "nxdomain by client-ip 198.51.100.0/25 line 1 in zone 1, at once"},
		{name: "Unbound: to NODATA", zones: unboundClients, ask: "a.a TXT from 198.51.100.129", want: "nodata by client-ip 198.51.100.128/26 line 2 in zone 1, at once"},
		{name: "Unbound: to silence", zones: unboundClients, ask: "a.a TXT from 198.51.100.200", want: "drop by client-ip 198.51.100.200/32 line 3 in zone 1, at once"},
		{name: "Unbound: let off", zones: unboundClients, ask: "a.a TXT from 198.51.100.201", want: "passthru by client-ip 198.51.100.201/32 line 4 in zone 1, at once"},
		{name: "Unbound: to TCP", zones: unboundClients, ask: "a.a TXT from 198.51.100.202", want: "tcp-only by client-ip 198.51.100.202/32 line 5 in zone 1, at once"},
		{name: "Unbound: by TCP", zones: unboundClients, ask: "a.a TXT from 198.51.100.202 tcp", want: "passthru by client-ip 198.51.100.202/32 line 5 in zone 1"},
		{name: "Unbound: to local data", zones: unboundClients, ask: "a.a AAAA from 198.51.100.203", want: "local-data by client-ip 198.51.100.203/32 line 6 in zone 1, at once"},
		{name: "Unbound: anybody else", zones: unboundClients, ask: "a.a TXT from 203.0.113.1", want: "pass"},
		{name: "Unbound matches the zone's own name here; the draft means the server's", zones: "gotham.example.rpz-nsdname CNAME .", ns: "gotham.example ns1.gotham.example", ask: "gotham.example A", want: "pass"},
	})
}
