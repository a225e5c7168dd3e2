package subscriber

import "testing"

func TestParseEntry(t *testing.T) {
	for _, tt := range []struct{ name, text, want, warning, err string }{
		{name: "a prefix", text: "192.0.2.0/24", want: "192.0.2.0/24"},
		{name: "an address", text: "192.0.2.7", want: "192.0.2.7/32"},
		{name: "a line of the report", text: "192.0.2.7/32", want: "192.0.2.7/32"},
		{name: "an IPv6 line", text: "2001:db8:0:100::/56", want: "2001:db8:0:100::/56"},
		{name: "an IPv6 address", text: "2001:DB8::1", want: "2001:db8::1/128"},
		{name: "a block of ports", text: "100.64.0.7:1024-2047", want: "100.64.0.7:1024-2047"},
		{name: "one port", text: "100.64.0.7:0-0", want: "100.64.0.7:0-0"},
		{name: "all ports are the address", text: "100.64.0.7:0-65535", want: "100.64.0.7/32"},
		{name: "v4-mapped", text: "::ffff:192.0.2.7", want: "192.0.2.7/32"},
		{name: "a v4-mapped prefix", text: "::ffff:192.0.2.0/120", want: "192.0.2.0/24"},
		{name: "v4-mapped ports", text: "[::ffff:100.64.0.7]:1024-2047", want: "100.64.0.7:1024-2047"},
		{name: "bits behind the prefix", text: "192.0.2.7/24", want: "192.0.2.0/24", warning: "bits behind the prefix; taken as 192.0.2.0/24"},
		{name: "bits behind an IPv6 prefix", text: "2001:db8::1/56", want: "2001:db8::/56", warning: "bits behind the prefix; taken as 2001:db8::/56"},
		{name: "a name", text: "line.example", err: errForm.Error()},
		{name: "nothing", text: "", err: errForm.Error()},
		{name: "two entries", text: "192.0.2.7 192.0.2.8", err: errForm.Error()},
		{name: "a zero in front", text: "192.0.2.07", err: errForm.Error()},
		{name: "a zone", text: "fe80::1%eth0", err: errForm.Error()},
		{name: "a zone before ports", text: "[fe80::1%eth0]:1-2", err: errPorts6.Error()},
		{name: "everybody", text: "0.0.0.0/0", err: errEveryone.Error()},
		{name: "everybody with IPv6", text: "2001:db8::/0", err: errEveryone.Error()},
		{name: "a port", text: "100.64.0.7:1024", err: errPorts.Error()},
		{name: "ports the wrong way round", text: "100.64.0.7:2047-1024", err: errPorts.Error()},
		{name: "a port too high", text: "100.64.0.7:1024-65536", err: errPorts.Error()},
		{name: "a sign", text: "100.64.0.7:+1024-2047", err: errPorts.Error()},
		{name: "ports of a prefix", text: "100.64.0.0/24:1024-2047", err: errForm.Error()},
		{name: "ports of IPv6", text: "[2001:db8::1]:1024-2047", err: errPorts6.Error()},
		{name: "multicast", text: "224.0.0.0/4", err: errMulti.Error()},
		{name: "multicast of IPv6", text: "ff02::fb", err: errMulti.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, warning, err := ParseEntry(tt.text)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := e.String(); got != tt.want || warning != tt.warning {
				t.Errorf("got %s, warning %q; want %s, warning %q", got, warning, tt.want, tt.warning)
			}
		})
	}
}

// FuzzParseEntry holds that the text of an entry is read as that entry.
func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{"192.0.2.7/24", "2001:db8:0:100::/56", "100.64.0.7:1024-2047", "[::ffff:192.0.2.7]:1-2", "::ffff:0.0.0.0/96", "::ffff:0:0/95", "fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, _, err := ParseEntry(text)
		if err != nil {
			return
		}
		again, warning, err := ParseEntry(e.String())
		if err != nil || warning != "" || again != e {
			t.Errorf("%q gives %s, which gives %s, %q, %v", text, e, again, warning, err)
		}
	})
}
