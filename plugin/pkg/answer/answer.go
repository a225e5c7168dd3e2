// Package answer makes the reply that a verdict asks for, as a dns.Msg that fits
// the client's size.
package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
)

// Reply answers req as v says. up is the upstream answer and at what Review
// returned with v; nil and 0 for a verdict of Decide. stream: the size limits of
// UDP do not hold. drop: there is to be no answer, and m is nil. v must block.
func Reply(req *dns.Msg, p *policy.Policy, v policy.Verdict, up *dns.Msg, at int, stream bool) (m *dns.Msg, drop bool) {
	return nil, true
}
