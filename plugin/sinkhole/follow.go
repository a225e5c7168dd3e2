package sinkhole

import (
	"context"
	"net"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// What questions of our own are for: labels of the metric that counts them.
const (
	askedGarden  = "garden"  // the target of a CNAME of ours
	askedServers = "nsdname" // the servers of a zone
	askedAddress = "nsip"    // the addresses of a server
)

// ask asks those below a question of our own, which no list judges. nil: there is
// no answer.
//
// It is asked in the name of the client who is to blame for it, so that the bounds
// on a line hold. It wants no signatures, and checking is on: DO and CD of the
// client change nothing in what we answer.
func (c *client) ask(what, name string, qtype uint16) *dns.Msg {
	ownQuestions.WithLabelValues(what).Inc()
	req := new(dns.Msg).SetQuestion(name, qtype)
	w := &listener{ResponseWriter: c.ResponseWriter}
	_, _ = plugin.NextOrFailure(pluginName, c.next, c.forOurselves(), w, req) // what went wrong, no answer says as well
	return w.heard
}

// forOurselves is the context of a question of ours: what the resolver tells of
// it is not for the client's answer.
func (c *client) forOurselves() context.Context {
	if c.src == nil {
		return c.ctx
	}
	return query.WithSource(c.ctx, &query.Source{Addr: c.src.Addr, Line: c.src.Line, Proven: c.src.Proven, Stream: true})
}

// listener is the client of a question of ours. It comes on a stream, so that
// nothing is cut off.
type listener struct {
	dns.ResponseWriter
	heard *dns.Msg
}

func (l *listener) WriteMsg(m *dns.Msg) error {
	l.heard = m
	return nil
}

func (l *listener) Write(b []byte) (int, error) {
	if m := new(dns.Msg); m.Unpack(b) == nil {
		l.heard = m
	}
	return len(b), nil
}

// RemoteAddr is the client's, as if he had come by TCP.
func (l *listener) RemoteAddr() net.Addr {
	if a, ok := l.ResponseWriter.RemoteAddr().(*net.UDPAddr); ok {
		return &net.TCPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}
	}
	return l.ResponseWriter.RemoteAddr()
}
