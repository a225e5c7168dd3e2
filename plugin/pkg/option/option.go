// Package option reads the arguments of a Corefile option, so that every
// refusal has the same shape: where, what stands there, what would be accepted.
//
// It knows no server: Tokens is the part of CoreDNS's controller that it needs.
package option

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tokens is the reader of a Corefile; *caddy.Controller and
// *caddyfile.Dispenser are such readers.
type Tokens interface {
	Next() bool
	NextBlock() bool
	NextArg() bool
	RemainingArgs() []string
	Val() string
	File() string
	Line() int
	Errf(format string, args ...any) error
}

// Grammar is the whole of what stands in a block: an option and its reader,
// which finds the option's name under Val and reads what follows on the line.
type Grammar[C any] map[string]func(Tokens, *C) error

// Names lists the options in alphabetical order.
func (g Grammar[C]) Names() []string { return slices.Sorted(maps.Keys(g)) }

// Block reads one directive: no arguments, then a block of options.
// t stands before the directive; place is where it stands. An unknown option is
// refused with the names of all that are known, and a second directive of the
// name: of two in a server block one would be read and the other forgotten.
func Block[C any](t Tokens, g Grammar[C], cfg *C) (place Place, err error) {
	t.Next()
	directive, place := t.Val(), PlaceOf(t)
	if args := t.RemainingArgs(); len(args) > 0 {
		return place, t.Errf("%s takes a block, got %q", directive, args)
	}
	if err := Rest(t, g, cfg); err != nil {
		return place, err
	}
	if t.Next() {
		return place, t.Errf("%s stands twice in this server block; want it once", directive)
	}
	return place, nil
}

// Rest reads the block of a directive whose arguments the caller has read.
func Rest[C any](t Tokens, g Grammar[C], cfg *C) error {
	for t.NextBlock() {
		read, ok := g[t.Val()]
		if !ok {
			return t.Errf("unknown option %q; want one of %s", t.Val(), strings.Join(g.Names(), ", "))
		}
		if err := read(t, cfg); err != nil {
			return err
		}
	}
	return nil
}

// One reads exactly one argument; want says what it should be.
func One(t Tokens, want string) (string, error) {
	name := t.Val()
	args := t.RemainingArgs()
	if len(args) != 1 {
		return "", t.Errf("%s %s: want %s", name, quoted(args), want)
	}
	return args[0], nil
}

// Some reads one argument or more; want says what they should be.
func Some(t Tokens, want string) ([]string, error) {
	name := t.Val()
	args := t.RemainingArgs()
	if len(args) == 0 {
		return nil, t.Errf("%s: want %s", name, want)
	}
	return args, nil
}

// None refuses any argument.
func None(t Tokens) error {
	name := t.Val()
	if args := t.RemainingArgs(); len(args) > 0 {
		return t.Errf("%s %s: want no argument", name, quoted(args))
	}
	return nil
}

// Duration reads one duration from low to high.
func Duration(t Tokens, low, high time.Duration) (time.Duration, error) {
	name, want := t.Val(), fmt.Sprintf("a duration from %s to %s", low, high)
	s, err := One(t, want)
	if err != nil {
		return 0, err
	}
	d, err := ParseDuration(s)
	if err != nil || d < low || d > high {
		return 0, t.Errf("%s %q: want %s", name, s, want)
	}
	return d, nil
}

// Int reads one whole number from low to high.
func Int(t Tokens, low, high int) (int, error) {
	name, want := t.Val(), fmt.Sprintf("a whole number from %d to %d", low, high)
	s, err := One(t, want)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, t.Errf("%s %q: want %s", name, s, want)
	}
	return n, nil
}

// Bytes reads one size: a number of bytes, or one with a unit (64MiB, 512MB, 1G).
func Bytes(t Tokens, low, high int64) (int64, error) {
	name, want := t.Val(), fmt.Sprintf("a size from %s to %s", SizeText(low), SizeText(high))
	s, err := One(t, want)
	if err != nil {
		return 0, err
	}
	n, ok := parseSize(s)
	if !ok || n < low || n > high {
		return 0, t.Errf("%s %q: want %s", name, s, want)
	}
	return n, nil
}

// Switch reads on or off.
func Switch(t Tokens) (bool, error) {
	name := t.Val()
	s, err := One(t, "on or off")
	if err != nil {
		return false, err
	}
	switch s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, t.Errf("%s %q: want on or off", name, s)
}

// Prefix reads a prefix, or an address as a prefix of its own; IPv4 where it is
// v4-mapped, for addresses are compared unmapped.
func Prefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= v4Mapped {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-v4Mapped)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no address or prefix", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// v4Mapped is the length of ::ffff:0:0/96 (RFC 4291, section 2.5.5.2).
const v4Mapped = 96

// maxDays bounds a duration in days: a hundred years.
const maxDays = 36500

// ParseDuration is time.ParseDuration with days ("30d") and bare zero.
func ParseDuration(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseFloat(n, 64)
		if err != nil || !(math.Abs(days) <= maxDays) { // NaN is neither
			return 0, fmt.Errorf("%q is no duration", s)
		}
		return time.Duration(days * float64(24*time.Hour)), nil
	}
	return time.ParseDuration(s)
}

var units = []struct {
	suffix string
	size   int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1},
}

func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, false
	}
	return int64(n) * unit, true
}

// SizeText writes a number of bytes with the largest unit that divides it.
func SizeText(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%dGiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return strconv.FormatInt(n, 10)
}

func quoted(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strconv.Quote(a)
	}
	return strings.Join(out, " ")
}
