package recursor

import (
	"net/netip"
	"path/filepath"
	"reflect"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/unbound"
)

func init() { plugin.Register(pluginName, setup) }

// settings are one `recursor` as it stands in the Corefile.
type settings struct {
	unbound string
	threads int
	memory  int64
	forward []netip.AddrPort
	anchors string
	include []string
	state   string
}

// Bounds of what may be set.
const (
	maxThreads           = 256
	minMemory, maxMemory = 16 << 20, 1 << 40 // bytes
	dnsPort              = 53
)

// grammar is the whole of the block.
var grammar = option.Grammar[settings]{
	"unbound": func(t option.Tokens, s *settings) (err error) {
		s.unbound, err = option.One(t, "the path of an Unbound")
		return err
	},
	"threads": func(t option.Tokens, s *settings) (err error) {
		s.threads, err = option.Int(t, 1, maxThreads)
		return err
	},
	"memory": func(t option.Tokens, s *settings) (err error) {
		s.memory, err = option.Bytes(t, minMemory, maxMemory)
		return err
	},
	"forward": readForward,
	"trust-anchor": func(t option.Tokens, s *settings) (err error) {
		s.anchors, err = option.One(t, "a file of DS and DNSKEY records")
		return err
	},
	"include": func(t option.Tokens, s *settings) error {
		path, err := option.One(t, "a file with lines of unbound.conf")
		s.include = append(s.include, path)
		return err
	},
	"state": func(t option.Tokens, s *settings) (err error) {
		s.state, err = option.One(t, "a directory")
		return err
	},
}

func readForward(t option.Tokens, s *settings) error {
	want := "addresses, each with or without :PORT"
	all, err := option.Some(t, want)
	if err != nil {
		return err
	}
	for _, text := range all {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			var addr netip.Addr
			addr, err = netip.ParseAddr(text)
			a = netip.AddrPortFrom(addr, dnsPort)
		}
		if err != nil || a.Port() == 0 || a.Addr().Zone() != "" || a.Addr().IsUnspecified() {
			return t.Errf("forward %q: want %s", text, want)
		}
		s.forward = append(s.forward, a)
	}
	return nil
}

// parse reads the directive that t stands before, and where it stands.
func parse(t option.Tokens) (s settings, place option.Place, err error) {
	place, err = option.Block(t, grammar, &s)
	return s, place, err
}

// child is how the child is to be, with the state that all our directives share.
func (s settings) child(state string) unbound.Settings {
	return unbound.Settings{
		Binary: s.unbound, Threads: s.threads, Memory: s.memory,
		Forward: s.forward, Anchors: s.anchors, Include: s.include, State: state,
	}
}

// below puts relative paths below root, as CoreDNS's `root` has it.
func (s *settings) below(root string) {
	if root == "" {
		return
	}
	for _, p := range []*string{&s.unbound, &s.anchors} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(root, *p)
		}
	}
	for i, p := range s.include {
		if !filepath.IsAbs(p) {
			s.include[i] = filepath.Join(root, p)
		}
	}
}

// setup reads the block and starts nothing: a Corefile that is refused leaves
// nothing behind. The generation starts once all blocks are read.
func setup(c *caddy.Controller) error {
	s, place, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	if s.state != "" {
		if err := option.SetState(c, place, s.state); err != nil {
			return err
		}
	}
	s.below(dnsserver.GetConfig(c).Root)
	same := func(a, b settings) bool { a.state, b.state = "", ""; return reflect.DeepEqual(a, b) }
	if err := option.Agree(c, pluginName, place, s, same); err != nil {
		return err
	}
	g, err := generationOf(c, s, place)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	dnsserver.GetConfig(c).AddPlugin(g.handler())
	return nil
}
