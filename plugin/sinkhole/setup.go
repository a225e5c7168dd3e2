package sinkhole

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/policy"
)

const pluginName = "sinkhole"

func init() { plugin.Register(pluginName, setup) }

// setup reads the block and starts nothing: a Corefile that is refused leaves
// nothing behind. The generation starts once all blocks are read.
func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	secrets, err := cfg.secrets()
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	g, err := generationOf(c, cfg)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	config := dnsserver.GetConfig(c)
	config.TsigSecret = secrets // a primary may sign a NOTIFY
	config.AddPlugin(g.handler())
	return nil
}

// Config is the block.
type Config struct {
	Lists      string            // the drop folder; "": lists in the state
	Categories []policy.Category // in order of precedence
	Default    policy.Category   // of those that the block does not name
	Zones      []Zone            // response policy zones, in order of precedence
	Settle     time.Duration
	Shrink     int // percent of its entries that a list may lose; 0: any number
	Protect    [][]byte
	SelfTest   string // "": none
	MaxSize    int64  // octets of an unpacked list
	Verify     string // the public key that lists are signed with, in base64; "": they are not

	selfTestAt option.Place
}

const (
	defaultTTL     = 60 // seconds; a shorter one makes clients ask again and again
	maxTTL         = 86400
	defaultSettle  = 2 * time.Second
	maxSettle      = time.Hour
	defaultShrink  = 50 // percent
	defaultMaxSize = 512 << 20
	minMaxSize     = 1 << 10
	maxMaxSize     = 64 << 30
	maxEDE         = 65535
	defaultEDE     = -1 // 4 beside an address of ours, 22 beside SERVFAIL, else 15
	maxCategory    = 64 // octets of a name: it is a label of metrics
)

// Defaults is a block that says nothing.
func Defaults() Config {
	return Config{
		Default: policy.Category{
			Action: policy.Sinkhole,
			Addr4:  netip.IPv4Unspecified(),
			Addr6:  netip.IPv6Unspecified(),
			TTL:    defaultTTL,
			EDE:    defaultEDE,
		},
		Settle:  defaultSettle,
		Shrink:  defaultShrink,
		MaxSize: defaultMaxSize,
	}
}

// block is what the grammar fills.
type block struct {
	Config
	shared     option.Storage // nil: nobody shares
	categories []category
}

// category is a category line and its block. What the block does not say is the
// whole block's, wherever that stands.
type category struct {
	policy.Category
	place   option.Place
	ownTTL  bool
	ownAddr bool
}

// options is the whole grammar of the block.
var options = option.Grammar[block]{
	"address":   parseAddress,
	"category":  parseCategory,
	"lists":     parseLists,
	"max-size":  parseMaxSize,
	"protect":   parseProtect,
	"rpz":       parseZone,
	"self-test": parseSelfTest,
	"settle":    parseSettle,
	"shrink":    parseShrink,
	"state":     parseState,
	"ttl":       parseTTL,
	"verify":    parseVerify,
}

// categoryOptions is what may stand in the block of a category.
var categoryOptions = option.Grammar[category]{
	"action":   parseAction,
	"address":  parseCategoryAddress,
	"ede":      parseEDE,
	"ede-text": parseEDEText,
	"record":   parseRecord,
	"ttl":      parseCategoryTTL,
}

func parse(c *caddy.Controller) (Config, error) {
	cfg, place, err := read(c, c)
	if err != nil {
		return cfg, err
	}
	return cfg, option.Agree(c, pluginName, place, cfg, func(a, b Config) bool { return a.key() == b.key() })
}

// ReadConfig reads the directive that t stands before, and nothing else.
func ReadConfig(t option.Tokens) (Config, error) {
	cfg, _, err := read(t, nil)
	return cfg, err
}

func read(t option.Tokens, shared option.Storage) (cfg Config, place option.Place, err error) {
	b := block{Config: Defaults(), shared: shared}
	if place, err = option.Block(t, options, &b); err != nil {
		return cfg, place, err
	}
	return b.config(), place, nil
}

// config gives each category what its own block does not say.
func (b *block) config() Config {
	cfg := b.Config
	for _, c := range b.categories {
		if !c.ownTTL {
			c.TTL = cfg.Default.TTL
		}
		if !c.ownAddr {
			c.Addr4, c.Addr6 = cfg.Default.Addr4, cfg.Default.Addr6
		}
		cfg.Categories = append(cfg.Categories, c.Category)
	}
	return cfg
}

// key is the same for two settings that are the same, wherever they stand.
func (c Config) key() string {
	c.selfTestAt = option.Place{}
	c.Zones = slices.Clone(c.Zones)
	for i := range c.Zones {
		c.Zones[i].place = option.Place{}
	}
	return fmt.Sprintf("%+v", c)
}

func parseLists(t option.Tokens, b *block) (err error) {
	b.Lists, err = option.One(t, "a directory")
	return err
}

func parseState(t option.Tokens, b *block) error {
	if b.shared == nil {
		_, err := option.One(t, "a directory")
		return err
	}
	return option.ReadState(t, b.shared)
}

func parseVerify(t option.Tokens, b *block) error {
	path, err := option.One(t, "a file with the public key of a minisign key pair")
	if err != nil {
		return err
	}
	key, err := dropdir.ReadKey(path)
	if err != nil {
		return t.Errf("verify %q: %v", path, err)
	}
	b.Verify = key.String()
	return nil
}

func parseSettle(t option.Tokens, b *block) (err error) {
	b.Settle, err = option.Duration(t, 0, maxSettle)
	return err
}

func parseMaxSize(t option.Tokens, b *block) (err error) {
	b.MaxSize, err = option.Bytes(t, minMaxSize, maxMaxSize)
	return err
}

func parseShrink(t option.Tokens, b *block) error {
	const want = "a percentage from 1% to 99%, or off"
	s, err := option.One(t, want)
	if err != nil {
		return err
	}
	if s == "off" {
		b.Shrink = 0
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil || n < 1 || n > 99 {
		return t.Errf("shrink %q: want %s", s, want)
	}
	b.Shrink = n
	return nil
}

func parseTTL(t option.Tokens, b *block) error {
	n, err := option.Int(t, 0, maxTTL)
	b.Default.TTL = uint32(n)
	return err
}

func parseAddress(t option.Tokens, b *block) error { return readAddress(t, &b.Default) }

// readAddress reads one address or one of each family; a family without one has
// none.
func readAddress(t option.Tokens, c *policy.Category) error {
	const want = "an IPv4 address, an IPv6 address, or one of each"
	args := t.RemainingArgs()
	c.Addr4, c.Addr6 = netip.Addr{}, netip.Addr{}
	for _, arg := range args {
		a, err := netip.ParseAddr(arg)
		a = a.Unmap()
		switch {
		case err != nil, a.Zone() != "":
			return t.Errf("address %q: want %s", arg, want)
		case a.Is4() && !c.Addr4.IsValid():
			c.Addr4 = a
		case a.Is6() && !c.Addr6.IsValid():
			c.Addr6 = a
		default:
			return t.Errf("address %q: a second one of its family; want %s", arg, want)
		}
	}
	if len(args) == 0 {
		return t.Errf("address: want %s", want)
	}
	return nil
}

// parseProtect reads names, and files that hold one a line. A file is told by
// its slash, which no name of a host has.
func parseProtect(t option.Tokens, b *block) error {
	args, err := option.Some(t, "names, or files (with a slash) that hold one a line")
	if err != nil {
		return err
	}
	for _, arg := range args {
		names := []string{arg}
		if strings.Contains(arg, "/") {
			if names, err = namesIn(arg); err != nil {
				return t.Errf("protect %q: %v", arg, err)
			}
		}
		for _, text := range names {
			name, err := nameOf(text)
			if err != nil {
				return t.Errf("protect %q: %q: %v; want a name", arg, text, err)
			}
			b.Protect = append(b.Protect, name)
		}
	}
	return nil
}

// namesIn reads a file of names, one a line; # begins a comment.
func namesIn(path string) (names []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; want a file of names, one a line", cause(err))
	}
	for line := bufio.NewScanner(bytes.NewReader(text)); line.Scan(); {
		name, _, _ := strings.Cut(line.Text(), "#")
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

var (
	errNoHost = errors.New("the root is above every name")
	errNoZone = errors.New("no name of a zone; want letters, digits, hyphens, underscores and dots")
)

// nameOf is a name in wire form.
func nameOf(text string) ([]byte, error) {
	text, err := dnsname.ToASCII(text)
	if err != nil {
		return nil, err
	}
	name, err := dnsname.Append(nil, text)
	if err == nil && len(name) == 1 {
		err = errNoHost
	}
	return name, err
}

func parseSelfTest(t option.Tokens, b *block) error {
	place := option.PlaceOf(t)
	text, err := option.One(t, "a name")
	if err != nil {
		return err
	}
	name, err := nameOf(text)
	if err != nil {
		return t.Errf("self-test %q: %v; want a name", text, err)
	}
	b.SelfTest, b.selfTestAt = dnsname.String(name), place
	if _, err := selfTest(b.Config); err != nil {
		return t.Errf("self-test %q: %v; want a name", text, err)
	}
	return nil
}

// otherFolders of the drop folder are no categories.
var otherFolders = []string{"allow", "clients", "rpz"}

func parseCategory(t option.Tokens, b *block) error {
	place := option.PlaceOf(t)
	names, err := option.Some(t, "names of categories")
	if err != nil {
		return err
	}
	c := category{Category: policy.Category{Action: policy.Sinkhole, EDE: defaultEDE}, place: place}
	if err := inner(t, "category", categoryOptions, &c); err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(otherFolders, name) || !categoryName(name) {
			return t.Errf("category %q: want the name of a folder: letters, digits, - _ . and none of %s",
				name, strings.Join(otherFolders, ", "))
		}
		for _, other := range b.categories {
			if other.Name == name {
				return t.Errf("category %q: stands already at %s; want each category once", name, other.place)
			}
		}
		c.Name = name
		b.categories = append(b.categories, c)
	}
	return nil
}

func categoryName(s string) bool {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return s != "" && len(s) <= maxCategory && s[0] != '.' && strings.Trim(s, chars) == ""
}

// inner reads a block in the block, if there is one. A Tokens tells only of the
// outer one where it ends.
func inner[C any](t option.Tokens, of string, g option.Grammar[C], cfg *C) error {
	if !t.NextArg() { // it can only be the brace: what else stands here are arguments
		return nil
	}
	for t.Next() && t.Val() != "}" {
		read, ok := g[t.Val()]
		if !ok {
			return t.Errf("unknown option %q of %s; want one of %s", t.Val(), of, strings.Join(g.Names(), ", "))
		}
		if err := read(t, cfg); err != nil {
			return err
		}
	}
	return nil
}

func parseAction(t option.Tokens, c *category) error {
	const want = "sinkhole, nxdomain, nodata, refused, drop, truncate or passthru"
	s, err := option.One(t, want)
	if err != nil {
		return err
	}
	action, ok := policy.ParseAction(s)
	if !ok {
		return t.Errf("action %q: want %s", s, want)
	}
	c.Action = action
	return nil
}

func parseCategoryAddress(t option.Tokens, c *category) error {
	c.ownAddr = true
	return readAddress(t, &c.Category)
}

func parseCategoryTTL(t option.Tokens, c *category) error {
	n, err := option.Int(t, 0, maxTTL)
	c.TTL, c.ownTTL = uint32(n), true
	return err
}

func parseEDE(t option.Tokens, c *category) error {
	const want = "an extended error code from 0 to 65535 (RFC 8914), and a text if it is not to be the category's name"
	args := t.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return t.Errf("ede %q: want %s", args, want)
	}
	code, err := strconv.Atoi(args[0])
	if err != nil || code < 0 || code > maxEDE {
		return t.Errf("ede %q: want %s", args[0], want)
	}
	c.EDE = code
	if len(args) == 2 {
		c.EDEText = args[1]
	}
	return nil
}

func parseEDEText(t option.Tokens, c *category) error {
	on, err := option.Switch(t)
	c.CodeOnly = !on
	return err
}

func parseRecord(t option.Tokens, c *category) error {
	c.Record = true
	return option.None(t)
}
