package dnsname

import (
	"errors"
	"strings"
	"testing"
)

func TestToASCII(t *testing.T) {
	tests := map[string]struct {
		text, want string
		err        error
	}{
		"ASCII stays, case and all":       {text: "BAD.example.", want: "BAD.example."},
		"underscore and odd octets stay":  {text: "_dmarc.a b!.example", want: "_dmarc.a b!.example"},
		"a U-label":                       {text: "bücher.example", want: "xn--bcher-kva.example"},
		"upper case is mapped":            {text: "BÜCHER.example", want: "xn--bcher-kva.example"},
		"sharp s is kept, not ss":         {text: "straße.example", want: "xn--strae-oqa.example"},
		"decomposed and composed are one": {text: "bu\u0308cher.example", want: "xn--bcher-kva.example"},
		"only the label that needs it":    {text: "_x.бад.Example", want: "_x.xn--80abk.Example"},
		"ideographic full stop":           {text: "例え。example", want: "xn--r8jz45g.example"},
		"fullwidth full stop":             {text: "bad．example", want: "bad.example"},
		"halfwidth full stop":             {text: "bad｡example", want: "bad.example"},
		"fullwidth letters":               {text: "ｂａｄ.example", want: "bad.example"},
		"a final dot":                     {text: "бад.example.", want: "xn--80abk.example."},
		"only a soft hyphen":              {text: "\u00ad.example", err: ErrEmptyLabel},
		"no UTF-8":                        {text: "b\xfcd.example", err: ErrIDNA},
		"a code point that is not taken":  {text: "a\u2028b.example", err: ErrIDNA},
		"directions mixed":                {text: "אa.example", err: ErrIDNA},
		"64 KiB of it":                    {text: strings.Repeat("ü", 1<<15), err: ErrNameLong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ToASCII(tt.text)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzToASCII(f *testing.F) {
	for _, s := range []string{"bücher.example", "例え。example", "\u00ad", "xn--bcher-kva", "אa", "a\u0308", "b\xff", "…", "℀.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ToASCII(text)
		if err != nil {
			return
		}
		if !ascii(got) {
			t.Fatalf("%q became %q", text, got)
		}
		if again, err := ToASCII(got); again != got || err != nil {
			t.Fatalf("%q became %q, and that %q, %v", text, got, again, err)
		}
	})
}
