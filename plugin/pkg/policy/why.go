package policy

import "fmt"

// why says why a match does not decide.
func (q *inquiry) why(m match) string {
	if m.zone != nil {
		return q.whyZone(m)
	}
	f := &q.p.files[m.place-1]
	switch {
	case !q.holds(m):
		return "does not hold for this question: " + m.cond.Key()
	case f.allow && m.rewrite != nil:
		return "an exception from rewrites, which allows nothing"
	case f.allow && q.v.Allowed:
		return "allowed already by the line that decides"
	case q.v.Allowed:
		return fmt.Sprintf("%s allows it", q.p.File(q.v.Rule))
	case m.kinds&anyExcept != 0:
		return q.whyExcept(m)
	case m.rewrite != nil:
		if why := q.whyRemoved(m); why != "" {
			return why
		}
	default:
		if why := q.whyExempt(m); why != "" {
			return why
		}
	}
	return q.whyLater(m, f)
}

// whyExcept says what an exception is good for.
func (q *inquiry) whyExcept(m match) string {
	switch w := q.weight(m.place); {
	case m.rewrite != nil && m.rewrite.Key() == "":
		return "removes all rewrites of its file"
	case m.rewrite != nil:
		return "removes this rewrite from its file"
	case w.rewrite != none:
		return "a rewrite of its file comes before it"
	case m.kinds&frees != 0:
		return "exempts from all other rules of its file"
	case w.must != none && w.free == none:
		return "an important rule of its file comes before it"
	case m.kinds&reopens != 0:
		return "exempts from the rules of its file for shorter names"
	}
	return "exempts from the other rules of its file"
}

// whyRemoved says what removes a rewrite; "" where nothing does.
func (q *inquiry) whyRemoved(m match) string {
	w := q.weight(m.place)
	switch lost := w.rewrite == none || q.at(m) < w.rewrite || q.at(m) == w.rewrite && !q.lives(m); {
	case lost && w.removesAll:
		return "its own file has an exception from all rewrites"
	case lost:
		return "its own file has an exception from this rewrite"
	}
	return ""
}

// whyExempt says what exempts from a rule; "" where nothing does.
func (q *inquiry) whyExempt(m match) string {
	w := q.weight(m.place)
	switch {
	case w.rewrite != none:
		return "a rewrite of its file comes before it"
	case w.free != none:
		return "its own file has an important exception for it"
	case m.kinds&musts != 0:
		return ""
	case w.exempt != none:
		return "its own file has an exception for it"
	case w.reopen < q.at(m):
		return "its own file has an exception for a longer name"
	}
	return ""
}

// whyLater says what comes before a rule that would have decided.
func (q *inquiry) whyLater(m match, f *file) string {
	p := q.p
	switch {
	case f.shadow:
		return "its file is shadow: counted, and blocks nothing"
	case q.v.Zone > 0:
		return fmt.Sprintf("zone %s stands before all lists", p.zones[q.v.Zone-1].category.Name)
	case m.size < q.size:
		return "what decides is longer"
	case q.v.Rule.None(): // the file is not what it was
		return "not in what is in force"
	case m.place == q.v.Rule.file && m.rewrite != nil:
		return "adds to what the line that decides answers"
	case m.place == q.v.Rule.file:
		return "its file says it once more"
	}
	if by := &p.files[q.v.Rule.file-1]; by.category != f.category {
		return fmt.Sprintf("category %s stands before %s", p.categories[by.category].Name, m.Category)
	}
	return fmt.Sprintf("of the same category %s stands before it", p.File(q.v.Rule))
}
