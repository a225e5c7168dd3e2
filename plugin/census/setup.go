package census

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/tally"
)

const pluginName = "census"

func init() { plugin.Register(pluginName, setup) }

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

// Config is the block. Two compare with ==.
type Config struct {
	Memory int64
	Warmup time.Duration
	judge.Settings
}

const (
	defaultMemory = 64 << 20 // a million lines, 20,000 of them promoted
	minMemory     = 1 << 20
	maxMemory     = 64 << 30
	defaultWarmup = 24 * time.Hour // a day: every hour of the day has been seen once
	maxWarmup     = 30 * 24 * time.Hour
)

func defaults() Config {
	return Config{Memory: defaultMemory, Warmup: defaultWarmup, Settings: judge.Defaults()}
}

// block is what the grammar fills: the settings, and the controller for those
// that all directives share.
type block struct {
	Config
	c *caddy.Controller
}

// options is the whole grammar of the block.
var options = option.Grammar[block]{
	"memory":  parseMemory,
	"signals": parseSignals,
	"detect":  parseDetect,
	"warmup":  parseWarmup,
	"shadow":  parseShadow,
	"state":   parseState,
}

func parse(c *caddy.Controller) (Config, error) {
	b := block{Config: defaults(), c: c}
	place, err := option.Block(c, options, &b)
	if err != nil {
		return b.Config, err
	}
	return b.Config, option.Agree(c, pluginName, place, b.Config, func(a, b Config) bool { return a == b })
}

func parseMemory(t option.Tokens, b *block) (err error) {
	b.Memory, err = option.Bytes(t, minMemory, maxMemory)
	return err
}

func parseWarmup(t option.Tokens, b *block) (err error) {
	b.Warmup, err = option.Duration(t, 0, maxWarmup)
	return err
}

// parseShadow takes what is so anyway: no case is opened.
func parseShadow(t option.Tokens, _ *block) error { return option.None(t) }

func parseState(t option.Tokens, b *block) error { return option.ReadState(t, b.c) }

func parseSignals(t option.Tokens, b *block) error {
	const want = "listed, volume or behaviour, and on or off"
	args := t.RemainingArgs()
	if len(args) != 2 || args[1] != "on" && args[1] != "off" {
		return t.Errf("signals %q: want %s", args, want)
	}
	on := args[1] == "on"
	switch args[0] {
	case "listed":
		b.Groups[judge.Listed] = on
	case "volume":
		b.Groups[judge.Volume] = on
	case "behaviour":
		if on {
			return t.Errf("signals behaviour on: this build judges listed names and volume only; want off")
		}
	default:
		return t.Errf("signals %q: want %s", args, want)
	}
	return nil
}

func parseDetect(t option.Tokens, b *block) error {
	args := t.RemainingArgs()
	if len(args) < 2 {
		return t.Errf("detect %q: want a signal, then on, off, threshold N or window DURATION", args)
	}
	signal, ok := judge.ParseSignal(args[0])
	if !ok {
		return t.Errf("detect %q: want one of %s", args[0], judge.SignalNames())
	}
	rule := &b.Rules[signal]
	for rest := args[1:]; len(rest) > 0; {
		switch word := rest[0]; {
		case word == "on" || word == "off":
			rule.On, rest = word == "on", rest[1:]
		case word == "threshold" && len(rest) > 1:
			n, err := strconv.Atoi(rest[1])
			if err != nil || n < 1 || n > maxThreshold {
				return t.Errf("detect %s threshold %q: want a whole number from 1 to %d", signal, rest[1], maxThreshold)
			}
			rule.Threshold, rest = n, rest[2:]
		case word == "window" && len(rest) > 1:
			panes, err := window(signal, rest[1])
			if err != nil {
				return t.Errf("detect %s window %q: %v", signal, rest[1], err)
			}
			rule.Window, rest = panes, rest[2:]
		default:
			return t.Errf("detect %s %q: want on, off, threshold N or window DURATION", signal, strings.Join(rest, " "))
		}
	}
	return nil
}

// maxThreshold is 11,000 queries a second over a day: out of reach.
const maxThreshold = 1_000_000_000

// window reads a window of whole panes.
func window(signal judge.Signal, text string) (tally.Pane, error) {
	low, high := signal.Windows()
	shortest, longest := time.Duration(low)*tally.PaneLength, time.Duration(high)*tally.PaneLength
	d, err := option.ParseDuration(text)
	if err != nil || d < shortest || d > longest || d%tally.PaneLength != 0 {
		return 0, fmt.Errorf("want a duration from %s to %s, of whole panes of %s", shortest, longest, tally.PaneLength)
	}
	return tally.Pane(d / tally.PaneLength), nil
}
