package judge

// The labels, of which a line gets the first that fits. A label says what was
// seen, never what is wrong with the line.
const (
	labelContact = "C2 contact"        // contacts of 45 points or more
	labelProxy   = "residential proxy" // a name of the category proxy-sdk
	labelBroken  = "broken device"     // one name makes half of the busiest hour or more
	labelHeavy   = "heavy"
	labelListed  = "listed name" // a contact or two, and nothing else
)

const (
	contactPoints = 45
	proxyCategory = "proxy-sdk"
)

// label goes by points before they decayed: what was seen stays what it was.
func (j *judging) label(all side, h heaviest) string {
	listed, proxy := 0.0, false
	for sig, f := range all.fired {
		if f == nil || Signal(sig).Group() != Listed {
			continue
		}
		listed = max(listed, f.full)
		for _, i := range f.names {
			proxy = proxy || j.rec.Sightings[i].Category == proxyCategory
		}
	}
	switch {
	case listed >= contactPoints:
		return labelContact
	case proxy:
		return labelProxy
	case h.count > HeavyQueries && h.storm:
		return labelBroken
	case h.count > HeavyQueries, all.volume > 0, listed == 0:
		return labelHeavy
	}
	return labelListed
}
