package list

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var adblockForm = regexp.MustCompile(`^(@@)?(\|\|?)([A-Za-z0-9_.-]+)(\^|\^\||\||\^\*|/\*|)(?:\$([^$\\"'\s#!;]*(?:;[^$\\"'\s#!;]*;[^$\\"'\s#!;]*)?[^$\\"'\s#!;]*))?$`)

// slowAdblock: || is the name and all below it, | the name; @@ in front is an
// exception. Without an end the rule is for all names that begin so: where that
// is a whole name it is taken for it, with a warning. Behind $ stand modifiers
// between commas, of which the last of a kind counts.
func slowAdblock(line string) (want string, mine bool) {
	m := adblockForm.FindStringSubmatch(line)
	if m == nil || strings.Trim(m[3], ".") == "" || strings.Contains(line, "$") && m[5] == "" {
		return "", false
	}
	except, reach, text, bare := m[1] != "", Exact, m[3], m[4] == ""
	if m[2] == "||" && !bare {
		reach = Subtree
	}
	s := slowModifiers(m[5])
	switch {
	case s.passed, s.badfilter && !s.wrong:
		return "passed over", true
	case s.wrong:
		return "refused", true
	}
	if bare {
		if _, ok := slowName(text); strings.HasSuffix(text, ".") || ok && !strings.Contains(text, ".") {
			return "passed over", true
		} else if !ok && slowNumber(text) {
			return "passed over", true
		}
	}
	if addr, err := netip.ParseAddr(text); err == nil && !bare {
		return s.onAddress(addr, except), true
	}
	want = slowBlock(text, reach, true)
	if except {
		want = "refused"
		if name, ok := slowName(text); ok {
			want = reach.String() + " " + name
		}
	}
	if !strings.HasPrefix(want, "refused") {
		want = s.around(want, except)
		if bare {
			want += "; warning"
		}
	}
	return want, true
}

// slowNumber: a name but for the letter that its last label lacks.
func slowNumber(text string) bool {
	_, ok := slowName(text[:len(text)-1] + "x")
	_, shorter := slowName(text)
	return ok && !shorter
}

// slowSays is what the modifiers of a rule come to, in the words of say.
type slowSays struct {
	passed, wrong, badfilter, important bool
	types, not, spared                  []string
	answer                              string // what $dnsrewrite answers
	answers, any                        bool
}

func slowModifiers(text string) (s slowSays) {
	for m := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(m, "=")
		if m != "" && name == "" {
			name = m
		}
		switch name {
		case "":
		case "important":
			s.important = true
		case "badfilter":
			s.badfilter = true
		case "client", "ctag":
			s.passed = true
		case "dnstype":
			s.types, s.not = nil, nil
			for t := range strings.SplitSeq(value, "|") {
				list := &s.types
				if t, ok := strings.CutPrefix(t, "~"); ok {
					list = &s.not
					*list = append(*list, strings.ToUpper(t))
				} else {
					*list = append(*list, strings.ToUpper(t))
				}
				if dns.StringToType[(*list)[len(*list)-1]] == dns.TypeNone {
					s.wrong = true
				}
			}
			if named := len(s.types) > 0; named {
				s.types = slices.DeleteFunc(s.types, func(t string) bool { return slices.Contains(s.not, t) })
				s.wrong, s.not = s.wrong || len(s.types) == 0, nil
			}
		case "denyallow":
			s.spared = nil
			for name := range strings.SplitSeq(value, "|") {
				name, ok := slowName(name)
				s.wrong = s.wrong || !ok
				s.spared = append(s.spared, name)
			}
		case "dnsrewrite":
			var ok bool
			s.answer, ok = slowRewrite(value)
			s.answers, s.any = true, value == ""
			s.wrong = s.wrong || !ok
		default:
			s.passed = true
		}
	}
	return s
}

// slowRewrite is the answer in the full form.
func slowRewrite(value string) (full string, ok bool) {
	parts := strings.Split(value, ";")
	if len(parts) == 1 {
		addr, err := netip.ParseAddr(value)
		name, isName := slowName(value)
		switch {
		case value == "":
			return "NOERROR;;", true
		case slices.Contains([]string{"NOERROR", "NXDOMAIN", "REFUSED", "SERVFAIL"}, value):
			return value + ";;", true
		case regexp.MustCompile(`^[A-Z]+$`).MatchString(value):
			return "", false
		case err == nil && addr.Is4():
			return "NOERROR;A;" + addr.String(), true
		case err == nil:
			return "NOERROR;AAAA;" + addr.String(), true
		}
		return "NOERROR;CNAME;" + name + ".", isName
	}
	if len(parts) != 3 {
		return "", false
	}
	rcode, rrtype, data := strings.ToUpper(parts[0]), strings.ToUpper(parts[1]), parts[2]
	if code, known := dns.StringToRcode[rcode]; rcode != "NOERROR" || rrtype == "" && data == "" {
		return rcode + ";;", known && code < 16
	}
	addr, err := netip.ParseAddr(data)
	name, isName := slowName(data)
	switch rrtype {
	case "A":
		ok = err == nil && addr.Is4()
		data = addr.String()
	case "AAAA":
		ok = err == nil && addr.Is6()
		data = addr.String()
	case "CNAME", "PTR":
		data, ok = name+".", isName
	case "TXT":
		data, ok = fmt.Sprintf("%q", data), true
	}
	return "NOERROR;" + rrtype + ";" + data, ok
}

// around puts the words of the modifiers around a rule.
func (s slowSays) around(rule string, except bool) string {
	if s.important {
		rule = "important " + rule
	}
	if except {
		rule = "except " + rule
	}
	var conds []string
	sorted := func(list []string, mark string) string {
		slices.SortFunc(list, func(a, b string) int { return int(dns.StringToType[a]) - int(dns.StringToType[b]) })
		return mark + strings.Join(slices.Compact(list), "|"+mark)
	}
	switch {
	case len(s.types) > 0:
		conds = append(conds, "dnstype="+sorted(s.types, ""))
	case len(s.not) > 0:
		conds = append(conds, "dnstype="+sorted(s.not, "~"))
	}
	if len(s.spared) > 0 {
		slices.Sort(s.spared)
		conds = append(conds, "denyallow="+strings.Join(slices.Compact(s.spared), "|"))
	}
	if len(conds) > 0 {
		rule += " if " + strings.Join(conds, ",")
	}
	switch {
	case s.answers && except && s.any:
		rule += " from every answer"
	case s.answers && except:
		rule += " from answer " + s.answer
	case s.answers:
		rule += " answer " + s.answer
	}
	return rule
}

// onAddress: an answer's record has one type, by which $dnstype is decided.
func (s slowSays) onAddress(addr netip.Addr, except bool) string {
	own := "A"
	if addr.Is6() {
		own = "AAAA"
	}
	if s.answers || len(s.spared) > 0 || len(s.types) > 0 && !slices.Contains(s.types, own) || slices.Contains(s.not, own) {
		return "passed over"
	}
	s.types, s.not = nil, nil
	return s.around(netip.PrefixFrom(addr, addr.BitLen()).String(), except)
}

func FuzzAdblock(f *testing.F) {
	fuzzFormat(f, slowAdblock, "||bad.example^", "|bad.example^", "@@||ok.example^", "@@|ok.example|", "||bad.example", "||bad.example^|", "||ad", "||192.0.2.7^",
		"@@||192.0.2.7^", "||192.0.2", "||co.uk^", "@@||co.uk^", "||github.io^", "||a..b^", "||bad.example.", "||bad.example.^", "|com^", "||bad.example^*", "||bad.example/*",
		"||bad.example^$important", "@@||bad.example^$important,dnstype=A|~AAAA", "||bad.example^$dnstype=~aaaa|~txt", "||bad.example$denyallow=ok.bad.example|com",
		"||bad.example^$dnsrewrite=192.0.2.1", "|bad.example^$dnsrewrite=NOERROR;CNAME;ok.example", "@@||bad.example^$dnsrewrite", "@@||bad.example^$dnsrewrite=REFUSED",
		"||bad.example^$dnsrewrite=refused;a;b", "||bad.example^$badfilter", "||bad.example^$client=a", "||bad.example^$image", "||bad.example^$,important,", "||192.0.2.7^$dnstype=A,important",
		"||bad.example^$dnsrewrite=NOERROR;TXT;x", "||bad.example^$dnstype=A|~A", "||bad.example^$dnsrewrite=ALLCAPS", "||bad.example^$=")
}
