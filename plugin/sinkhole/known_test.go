package sinkhole

import (
	"strconv"
	"testing"
	"time"
)

func TestKnown(t *testing.T) {
	var k known
	now := time.Unix(0, 0)
	k.learn("a", learnt{apex: []byte("a")}, 60, now)
	k.learn("none", learnt{}, 0, now)
	k.learn("long", learnt{}, 1<<31, now)
	for _, tt := range []struct {
		key   string
		after time.Duration
		want  bool
	}{
		{"a", 0, true}, {"a", 59 * time.Second, true}, {"a", time.Minute, false},
		{"b", 0, false}, {"none", 0, false},
		{"long", maxKnownFor - 1, true}, {"long", maxKnownFor, false},
	} {
		if l, ok := k.get(tt.key, now.Add(tt.after)); ok != tt.want || tt.key == "a" && string(l.apex) != "a" {
			t.Errorf("%s after %v: %v %+v", tt.key, tt.after, ok, l)
		}
	}
}

// TestKnownIsBounded: what is asked for again and again stays, what is not goes.
func TestKnownIsBounded(t *testing.T) {
	var k known
	now := time.Unix(0, 0)
	k.learn("used", learnt{}, 60, now)
	k.learn("unused", learnt{}, 60, now)
	for i := range 3 * maxKnown {
		k.learn(strconv.Itoa(i), learnt{}, 60, now)
		if _, ok := k.get("used", now); !ok {
			t.Fatalf("gone after %d", i)
		}
	}
	if _, ok := k.get("unused", now); ok || len(k.new)+len(k.old) > 2*maxKnown {
		t.Errorf("unused: %v; %d and %d are kept", ok, len(k.new), len(k.old))
	}
}

// TestServersAreAskedOnce: the next query about the same servers asks for none.
func TestServersAreAskedOnce(t *testing.T) {
	b := belowOf(t, `
		www.example. A 192.0.2.1
		mail.example. A 192.0.2.2
		example. NS ns.example.
		ns.example. A 192.0.2.53
		. NS a.root.
		a.root. A 192.0.2.55
		lame.test. NS ns.lame.test.
		www.lame.test. A 192.0.2.1
		ns.lame.test. A SERVFAIL`)
	h := &Handler{Next: b, lists: lists(t, Defaults(), map[string]string{"rpz/zone.rpz": "32.1.1.1.1.rpz-nsip CNAME .\n"})}
	for _, row := range []struct{ ask, want, asks string }{
		{"www.example A", "NOERROR | www.example. 300 IN A 192.0.2.1", "www.example. A, www.example. NS, example. NS, . NS, also a.root. A, a.root. AAAA, ns.example. A, ns.example. AAAA"},
		{"www.example A", "NOERROR | www.example. 300 IN A 192.0.2.1", "www.example. A"},
		{"mail.example A", "NOERROR | mail.example. 300 IN A 192.0.2.2", "mail.example. A, mail.example. NS"},
		{"www.lame.test A", "SERVFAIL", "www.lame.test. A, www.lame.test. NS, lame.test. NS, test. NS, also ns.lame.test. A, ns.lame.test. AAAA"},
		{"www.lame.test A", "SERVFAIL", "www.lame.test. A, also ns.lame.test. A, ns.lame.test. AAAA"}, // a failure is not remembered
	} {
		b.asked = nil
		if m, _ := askOf(t, h, row.ask); brief(m) != row.want {
			t.Errorf("%s: got %s, want %s", row.ask, brief(m), row.want)
		}
		wantAsked(t, b.asked, row.asks)
	}
}

func BenchmarkServers(b *testing.B) {
	var k known
	now := time.Now()
	for i := range 1000 {
		k.learn("ns "+strconv.Itoa(i)+".example", learnt{}, 60, now)
	}
	b.ReportAllocs()
	for b.Loop() {
		k.get("ns 7.example", now)
	}
}
