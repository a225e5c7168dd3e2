package unbound

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
)

// plan is all that one life needs.
type plan struct {
	settings Settings
	program  *Program
	account  *account
	addr     netip.AddrPort
	secret   string
	text     string
	anchors  []Anchor
	tracked  string // the child's own file of anchors; "" when it has none
	leftOut  []string
	warnings []string
}

// stateName is the child's folder within the state.
const stateName = "unbound"

// prepare reads everything anew: the program, the anchors and the operator's
// lines may have changed since the last life.
func prepare(ctx context.Context, s Settings, track bool) (*plan, error) {
	p := &plan{settings: s, secret: newSecret()}
	var err error
	if p.addr, err = freePort(ctx); err != nil {
		return nil, err
	}
	if p.account, err = unprivileged(); err != nil {
		return nil, err
	}
	return p, p.configure(ctx, track)
}

// configure finds the program and writes its configuration.
func (p *plan) configure(ctx context.Context, track bool) (err error) {
	s := p.settings
	if p.program, err = Find(ctx, s.Binary); err != nil {
		return err
	}
	anchors, err := readAnchors(s.Anchors)
	if err != nil {
		return err
	}
	p.anchors = anchors.anchors()
	// Anchors that the operator names are for him to change. A state that cannot
	// be written is no reason not to resolve.
	if dir := filepath.Join(s.State, stateName); track && s.State != "" && s.Anchors == "" && p.account.reaches(dir) {
		p.tracked, _ = anchors.seed(dir, p.account)
	}
	all := parts{version: p.program.Version}
	all.options = append(options(s, p.addr.Port(), p.secret), anchoring(anchors, p.tracked)...)
	all.forward = forwarding(s.Forward)
	for _, path := range s.Include {
		in, err := readInclude(path)
		if err != nil {
			return err
		}
		all.includes = append(all.includes, in)
	}
	c, leftOut, warnings, err := p.program.settle(ctx, all)
	if err != nil {
		return err
	}
	p.text, p.leftOut, p.warnings = c.text.String(), leftOut, warnings
	return nil
}

// freePort finds a port of loopback that is free on UDP and TCP. It may be taken
// before the child has it: then the child leaves, and the next life has another.
func freePort(ctx context.Context) (netip.AddrPort, error) {
	var lc net.ListenConfig
	var last error
	for range 100 {
		udp, err := lc.ListenPacket(ctx, "udp4", "127.0.0.1:0")
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("unbound: no port on 127.0.0.1: %w", err)
		}
		addr := udp.LocalAddr().(*net.UDPAddr).AddrPort()
		tcp, err := lc.Listen(ctx, "tcp4", addr.String())
		udp.Close()
		if err == nil {
			tcp.Close()
			return addr, nil
		}
		last = err
	}
	return netip.AddrPort{}, fmt.Errorf("unbound: no port on 127.0.0.1 that is free on UDP and TCP: %w", last)
}

// checkPort stands in a configuration that is only looked at.
const checkPort = 65535

// Check reads everything as a start would, and has unbound-checkconf judge the
// configuration. It starts no Unbound and writes nothing.
func Check(ctx context.Context, s Settings) (p *Program, warnings []string, err error) {
	plan := &plan{settings: s.complete(), secret: newSecret()}
	plan.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), checkPort)
	if err := plan.configure(ctx, false); err != nil {
		return nil, nil, err
	}
	return plan.program, plan.warnings, nil
}

// Fingerprint names the child that the settings want, with what stands in the
// files that they name now: when one of them changes, so does it. A new program
// at the same path is another child too.
func (s Settings) Fingerprint() (string, error) {
	h := sha256.New()
	c := s.complete()
	path, stamp, err := locate(c.Binary)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%q %d %d %d %d %v %q\n", path, stamp.size, stamp.mtime.UnixNano(), c.Threads, c.Memory, c.Forward, c.State)
	anchors, err := readAnchors(c.Anchors)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%q %v\n", anchors.path, anchors.records)
	for _, path := range c.Include {
		in, err := readInclude(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %q\n", in.path, in.text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
