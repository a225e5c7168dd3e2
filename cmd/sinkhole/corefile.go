package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"

	shipped "sinkhole/corefile"
	"sinkhole/plugin/pkg/option"
)

// defaultConf is the Corefile of a machine that runs sinkhole as a service.
const defaultConf = "/etc/sinkhole/Corefile"

// stateful are the directives in whose block `state DIR` may stand.
var stateful = []string{"subscribers", "census", "sinkhole", "recursor"}

// corefile is a Corefile as tokens: imports and snippets are in place, values of
// the environment too, and nothing has been set up.
type corefile struct {
	input  caddy.CaddyfileInput
	blocks []caddyfile.ServerBlock
}

// readCorefile reads and parses the Corefile at path.
func readCorefile(path string) (corefile, error) {
	for name, value := range shipped.Defaults {
		if _, set := os.LookupEnv(name); !set {
			os.Setenv(name, value)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return corefile{}, fmt.Errorf("%s: %w; want a Corefile (--conf FILE; sinkhole help corefile shows one)", path, cause(err))
	}
	c := corefile{input: caddy.CaddyfileInput{Filepath: path, Contents: text, ServerTypeName: "dns"}}
	if c.blocks, err = caddyfile.Parse(path, bytes.NewReader(text), directives); err != nil {
		return c, c.sentence(err)
	}
	if len(c.blocks) == 0 {
		return c, fmt.Errorf("%s: holds no server block; want one such as %q", path, ".:53 { recursor }")
	}
	return c, nil
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// found is a directive in a server block.
type found struct {
	block int
	// tokens stand before the directive's name.
	tokens *caddyfile.Dispenser
	file   string
	line   int
}

func (f found) String() string { return fmt.Sprintf("%s:%d", f.file, f.line) }

// find gives the directive of that name, block by block.
func (c corefile) find(name string) []found {
	var all []found
	for i, b := range c.blocks {
		tokens := b.Tokens[name]
		if len(tokens) == 0 {
			continue
		}
		d := caddyfile.NewDispenserTokens(c.input.Filepath, slices.Clone(tokens))
		file := c.input.Filepath
		if tokens[0].File != "" {
			file = tokens[0].File
		}
		all = append(all, found{i, &d, file, tokens[0].Line})
	}
	return all
}

// first gives the first directive of that name: all blocks share its settings.
func (c corefile) first(name string) (f found, ok bool) {
	if all := c.find(name); len(all) > 0 {
		return all[0], true
	}
	return found{}, false
}

// has says whether block i holds one of the directives.
func (c corefile) has(i int, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return len(c.blocks[i].Tokens[n]) > 0 })
}

// state is the state directory: what `state DIR` says in any of our directives.
// That all say the same is for their setup to check.
func (c corefile) state() string {
	for _, name := range stateful {
		for _, f := range c.find(name) {
			if args := f.option("state"); len(args) == 1 {
				return args[0]
			}
		}
	}
	return option.DefaultState
}

// option gives the arguments of one option in the directive's block, of the first
// line where it stands on several.
func (f found) option(name string) []string {
	for args := range f.lines(name) {
		return args
	}
	return nil
}

// lines gives the arguments of one option, line by line. It reads f's tokens to
// their end, and so can be gone through once.
func (f found) lines(name string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		f.tokens.Next()
		f.tokens.RemainingArgs() // up to the brace, which NextArg would take for one
		for f.tokens.NextBlock() {
			is := f.tokens.Val() == name
			if args := f.tokens.RemainingArgs(); is && !yield(args) {
				return
			}
		}
	}
}

// endpoint is a socket that a Corefile opens.
type endpoint struct {
	network string // tcp, udp
	address string // host:port
}

// endpoints are the sockets of all server blocks, in order, each once. Interface
// names are left out: what addresses they have is CoreDNS's to find.
func (c corefile) endpoints() []endpoint {
	var all []endpoint
	for i, b := range c.blocks {
		for _, key := range b.Keys {
			scheme, rest := parse.Transport(key)
			_, port, err := plugin.SplitHostPort(rest)
			if err != nil {
				continue // the setup says so, with more words
			}
			if port == "" {
				port = defaultPorts[scheme]
			}
			for _, host := range c.hosts(i) {
				for _, network := range networks[scheme] {
					e := endpoint{network, net.JoinHostPort(host, port)}
					if !slices.Contains(all, e) {
						all = append(all, e)
					}
				}
			}
		}
	}
	return all
}

var defaultPorts = map[string]string{
	transport.DNS: transport.Port, transport.TLS: transport.TLSPort, transport.QUIC: transport.QUICPort,
	transport.GRPC: transport.GRPCPort, transport.HTTPS: transport.HTTPSPort, transport.HTTPS3: transport.HTTPSPort,
}

var networks = map[string][]string{
	transport.DNS: {"udp", "tcp"}, transport.TLS: {"tcp"}, transport.QUIC: {"udp"},
	transport.GRPC: {"tcp"}, transport.HTTPS: {"tcp"}, transport.HTTPS3: {"udp"},
}

// hosts are the addresses that block i binds.
func (c corefile) hosts(i int) []string {
	tokens := c.blocks[i].Tokens["bind"]
	if len(tokens) == 0 {
		return []string{""}
	}
	var hosts []string
	d := caddyfile.NewDispenserTokens(c.input.Filepath, slices.Clone(tokens))
	for d.Next() {
		for _, arg := range d.RemainingArgs() {
			if net.ParseIP(arg) != nil {
				hosts = append(hosts, arg)
			}
		}
		for d.NextBlock() {
			d.RemainingArgs()
		}
	}
	return hosts
}

var (
	parsing   = regexp.MustCompile(`(?s)^(.*?):(\d+) - Error during parsing: (.*)$`)
	wrapped   = regexp.MustCompile(`^(starting with listener file descriptors: |error inspecting server blocks: )`)
	ofPlugin  = regexp.MustCompile(`^plugin/([a-z0-9]+): `)
	noSuch    = regexp.MustCompile(`^Unknown directive '(.*)'$`)
	placed    = regexp.MustCompile(`^[^ ]+:\d+: `)
	listening = regexp.MustCompile(`^(?:Listen(?:Packet)?: )?listen (tcp|udp)[46]? (\S+): `)
)

// sentence turns what Caddy and CoreDNS say about this Corefile into the form of
// all our refusals: file:line: what was wrong, what is accepted.
func (c corefile) sentence(err error) error {
	text := wrapped.ReplaceAllString(err.Error(), "")
	name := ""
	if m := ofPlugin.FindStringSubmatch(text); m != nil {
		name, text = m[1], text[len(m[0]):]
	}
	if m := parsing.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: %s", m[1], m[2], accepted(m[3]))
	}
	if placed.MatchString(text) || strings.Contains(text, c.input.Filepath+":") {
		return errors.New(text)
	}
	// No line: the directive's own, where only one block has it.
	if all := c.find(name); name != "" && len(all) == 1 {
		return fmt.Errorf("%s: %s: %s", all[0], name, text)
	}
	if name != "" {
		text = name + ": " + text
	}
	return fmt.Errorf("%s: %s", c.input.Filepath, text)
}

func accepted(text string) string {
	if m := noSuch.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%q is no directive; want one of %s", m[1], strings.Join(slices.Sorted(slices.Values(directives)), ", "))
	}
	return text
}
