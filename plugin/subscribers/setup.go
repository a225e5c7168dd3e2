package subscribers

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/subscriber"
)

const pluginName = "subscribers"

func init() {
	plugin.Register(pluginName, setup)
	// Without this, CoreDNS answers classes other than IN itself, strangers too.
	dnsserver.EnableChaos[pluginName] = struct{}{}
}

// setup reads the block and starts nothing: a Corefile that is refused leaves
// nothing behind. The generation starts once all blocks are read.
func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	g, err := generationOf(c, cfg)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	config := dnsserver.GetConfig(c)
	config.AddPlugin(g.handler(config))
	return nil
}

// Config is the block.
type Config struct {
	Served       []netip.Prefix // none: subscriber.Private
	Bits4, Bits6 int
	Ports        []subscriber.Ports
	Classes      string // the folder; "": there is none
	Trusted      bool   // forged sources cannot enter the access network
}

// Defaults is a block that says nothing.
func Defaults() Config {
	return Config{Bits4: subscriber.DefaultBits4, Bits6: subscriber.DefaultBits6}
}

// block is what the grammar fills: the settings, and the controller for those
// that all directives share.
type block struct {
	Config
	c *caddy.Controller
}

// options is the whole grammar of the block.
var options = option.Grammar[block]{
	"classes": parseClasses,
	"lines":   parseLines,
	"ports":   parsePorts,
	"served":  parseServed,
	"sources": parseSources,
	"state":   parseState,
}

func parse(c *caddy.Controller) (Config, error) {
	b := block{Config: Defaults(), c: c}
	place, err := option.Block(c, options, &b)
	if err != nil {
		return b.Config, err
	}
	return b.Config, option.Agree(c, pluginName, place, b.Config, func(a, b Config) bool { return a.key() == b.key() })
}

// key is the same for two settings that are the same.
func (c Config) key() string { return fmt.Sprintf("%v", c) }

func parseServed(t option.Tokens, b *block) error {
	const want = "prefixes or addresses"
	args, err := option.Some(t, want)
	if err != nil {
		return err
	}
	for _, arg := range args {
		p, err := option.Prefix(arg)
		if err != nil {
			return t.Errf("served %q: want %s", arg, want)
		}
		b.Served = append(b.Served, p)
	}
	return nil
}

func parseLines(t option.Tokens, b *block) error {
	args := t.RemainingArgs()
	want := fmt.Sprintf("the bits of a line: of IPv4 from %d to %d, then of IPv6 from %d to %d",
		subscriber.MinBits4, subscriber.MaxBits4, subscriber.MinBits6, subscriber.MaxBits6)
	if len(args) != 2 {
		return t.Errf("lines %q: want %s", args, want)
	}
	bits4, err4 := strconv.Atoi(args[0])
	bits6, err6 := strconv.Atoi(args[1])
	if err4 != nil || err6 != nil {
		return t.Errf("lines %q: want %s", args, want)
	}
	if _, err := subscriber.NewShape(bits4, bits6, nil); err != nil {
		return t.Errf("lines %q: want %s", args, want)
	}
	b.Bits4, b.Bits6 = bits4, bits6
	return nil
}

func parsePorts(t option.Tokens, b *block) error {
	args := t.RemainingArgs()
	want := fmt.Sprintf("an IPv4 prefix, how many ports a line has, from %d to %d, and the first port of the first block unless it is 0",
		subscriber.MinBlock, subscriber.MaxBlock)
	if len(args) < 2 || len(args) > 3 {
		return t.Errf("ports %q: want %s", args, want)
	}
	var rule subscriber.Ports
	var err error
	if rule.Prefix, err = option.Prefix(args[0]); err != nil {
		return t.Errf("ports %q: want %s", args, want)
	}
	numbers := []*int{&rule.Block, &rule.First}
	for i, arg := range args[1:] {
		if *numbers[i], err = strconv.Atoi(arg); err != nil {
			return t.Errf("ports %q: want %s", args, want)
		}
	}
	b.Ports = append(b.Ports, rule)
	if _, err := subscriber.NewShape(b.Bits4, b.Bits6, b.Ports); err != nil {
		return t.Errf("ports %q: %v", args, err)
	}
	return nil
}

func parseClasses(t option.Tokens, b *block) (err error) {
	b.Classes, err = option.One(t, "a directory")
	return err
}

func parseSources(t option.Tokens, b *block) error {
	s, err := option.One(t, "trusted, or no such line")
	if err == nil && s != "trusted" {
		err = t.Errf("sources %q: want trusted, or no such line", s)
	}
	b.Trusted = true
	return err
}

func parseState(t option.Tokens, b *block) error { return option.ReadState(t, b.c) }
