package recursor

import "github.com/miekg/dns"

// failure is why there is no answer from the child. The client is told by
// SERVFAIL and an extended error (RFC 8914), written as a message: CoreDNS's
// cache then gives an old answer if it has one (RFC 8767), and `errors` has
// nothing to log, which would be the name.
type failure struct {
	reason string // in the metric
	code   uint16
	text   string
}

var (
	notStarted = &failure{"starting", dns.ExtendedErrorCodeNotReady, "the resolver is starting"}
	childDown  = &failure{"down", dns.ExtendedErrorCodeNetworkError, "the resolver is being restarted"}
	noAnswer   = &failure{"timeout", dns.ExtendedErrorCodeNoReachableAuthority, "no answer in time"}
	tooMany    = &failure{"full", dns.ExtendedErrorCodeOther, "too many questions are waiting"}
	tooManyYou = &failure{"line", dns.ExtendedErrorCodeOther, "too many of your questions are waiting"}
	noSocket   = &failure{"socket", dns.ExtendedErrorCodeOther, "out of sockets"}
)

// failures are all of them, for the metric.
var failures = []*failure{notStarted, childDown, noAnswer, tooMany, tooManyYou, noSocket}
