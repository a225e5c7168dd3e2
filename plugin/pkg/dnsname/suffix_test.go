package dnsname

import "testing"

// The names are entries of the Public Suffix List, and names that stand beside
// them: no name of a person or a site is meant.
func TestSuffix(t *testing.T) {
	tests := map[string]struct {
		name string
		want Suffix
	}{
		"the root":                           {".", NoSuffix},
		"a top-level domain":                 {"com", TopLevel},
		"one that no registry has":           {"home-lan", TopLevel},
		"a country's suffix":                 {"co.uk", ICANN},
		"below a country's suffix":           {"example.co.uk", NoSuffix},
		"a wildcard rule":                    {"anything.ck", ICANN},
		"the exception from it":              {"www.ck", NoSuffix},
		"a private suffix":                   {"github.io", Private},
		"below a private suffix":             {"a.b.github.io", NoSuffix},
		"a suffix of three labels":           {"s3.amazonaws.com", Private},
		"a name under an unknown TLD":        {"a.nas.home-lan", NoSuffix},
		"a registrable domain":               {"example.com", NoSuffix},
		"below it":                           {"a.b.c.example.com", NoSuffix},
		"a dot inside a label is no border":  {`co\.uk`, TopLevel},
		"nor is one above a suffix":          {`a\.co.uk`, NoSuffix},
		"an A-label":                         {"xn--55qx5d.cn", ICANN},
		"what looks like an address":         {"192.0.2.1", NoSuffix},
		"upper case was mapped by Append":    {"CO.UK", ICANN},
		"odd octets below a wildcard suffix": {`\000.ck`, ICANN},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := wire(t, tt.name)
			if got := SuffixOf(n); got != tt.want {
				t.Errorf("SuffixOf(%s) = %s, want %s", tt.name, got, tt.want)
			}
		})
	}
}
