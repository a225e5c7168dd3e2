package judge

// weights are what a contact with a name of a category is worth as evidence of
// an infection, in hundredths. Who lists decides which folder is which: a name
// goes into c2 when a machine asks for it and no person does.
//
// All others weigh nothing: who follows a link to a phishing page, or loads an
// advertisement, is a victim and no bot. 13 in 10,000 queries go to names on
// threat lists, six a line and day: a bare hit is no infection.
var weights = map[string]int{
	"c2":               100,
	"dga":              100,
	"proxy-sdk":        100,
	"sinkholed":        100, // by somebody else: the name once was a c2
	"malware":          50,  // downloads, which a click can cause
	"malware-download": 50,
}

// fullWeight is that of a category that only machines ask for. The tally takes no
// storm of such names for a broken device.
const fullWeight = 100

// Weight is what a contact with a name of a category counts, in hundredths.
func Weight(category string) int { return weights[category] }
