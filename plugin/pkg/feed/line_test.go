package feed

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAppendLine(t *testing.T) {
	for _, row := range []struct{ name, record, want string }{
		{"nearly all records", "Bad.Example 300 IN CNAME .", "bad.example.rpz.example.\t300\tIN\tCNAME\t."},
		{"a garden", "a CNAME Garden.ISP.example.", "a.rpz.example.\t300\tIN\tCNAME\tgarden.isp.example."},
		{"an address", "32.1.2.0.192.rpz-ip A 192.0.2.80", "32.1.2.0.192.rpz-ip.rpz.example.\t300\tIN\tA\t192.0.2.80"},
		{"text keeps its case", `a TXT "By Order" "; $x"`, "a.rpz.example.\t300\tIN\tTXT\t\"By Order\" \"; $x\""},
		{"a name of a mail server", "a MX 10 MX.example.", "a.rpz.example.\t300\tIN\tMX\t10 mx.example."},
		{"an unknown type", `a TYPE65500 \# 2 abcd`, "a.rpz.example.\t300\tCLASS1\tTYPE65500\t\\# 2 abcd"},
		{"an owner with a dot in a label", `a\.b CNAME .`, "a\\.b.rpz.example.\t300\tIN\tCNAME\t."},
		{"an owner with a blank and a newline", `a\032b\010 CNAME .`, "a\\ b\\010.rpz.example.\t300\tIN\tCNAME\t."},
		{"an owner that looks like a directive", `\$include CNAME .`, "\\036include.rpz.example.\t300\tIN\tCNAME\t."},
		{"the same, of another type", `\$include A 192.0.2.1`, "\\036include.rpz.example.\t300\tIN\tA\t192.0.2.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rr(t, row.record)
			got, err := appendLine(nil, r)
			if err != nil || string(got) != row.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, row.want)
			}
			if again, err := appendLine(nil, rr(t, string(got))); err != nil || !bytes.Equal(again, got) {
				t.Errorf("read back: %q, %v", again, err)
			}
		})
	}
}

// FuzzLine: whatever record a primary sends, its line is one line, and says to a
// reader of zone files what came.
func FuzzLine(f *testing.F) {
	for _, text := range []string{"a CNAME .", `\000\010\$@ TXT "\000\"\\" ""`, "a HTTPS 1 . alpn=h2", `a CAA 0 issue "x"`, `a NAPTR 1 1 "u" "s" "r" .`, "a SVCB 0 x."} {
		b := make([]byte, 512)
		n, err := dns.PackRR(rr(f, text), b, 0, nil, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:n])
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, _, err := dns.UnpackRR(wire, 0)
		if err != nil {
			return
		}
		line, err := appendLine(nil, r)
		if err != nil {
			return
		}
		if bytes.ContainsAny(line, "\n\x00") || len(line) > maxLine {
			t.Fatalf("%q", line)
		}
		if again, err := appendLine(nil, dns.Copy(r)); err != nil || !bytes.Equal(again, line) {
			t.Fatalf("a second time %q, %v; the first %q", again, err, line)
		}
		c, ok := r.(*dns.CNAME)
		if !ok {
			return // what miekg/dns writes and cannot read again is refused by the reader of zones, with its line
		}
		z := dns.NewZoneParser(strings.NewReader(string(line)+"\n"), ".", "")
		back, ok := z.Next()
		if !ok || z.Err() != nil {
			t.Fatalf("%q cannot be read: %v", line, z.Err())
		}
		if b, ok := back.(*dns.CNAME); !ok || !equal(t, b.Hdr.Name, c.Hdr.Name) || !equal(t, b.Target, c.Target) {
			t.Fatalf("%q is %s, want %s", line, back, r)
		}
	})
}

// equal compares names on the wire.
func equal(t *testing.T, a, b string) bool {
	return bytes.Equal(packed(t, a), packed(t, b))
}

func packed(t *testing.T, name string) []byte {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), b, 0, nil, false)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	return b[:n]
}
