package asid

// Headers names the headers of one protocol. The zero value is the NRL's own:
// fromASID, toASID and, if the request carries it, InteractionID.
type Headers struct {
	From, To           string                   // both empty: fromASID and toASID
	Interaction        string                   // empty with From and To: InteractionID; else none
	Trace              string                   // of a UUID for each request; empty: none
	RequireInteraction bool                     // refuse a request without the Interaction header
	ParseID            func(string) (ID, error) // nil: Parse
}

// SSPHeaders are those of the Spine Secure Proxy: Ssp-From, Ssp-To,
// Ssp-InteractionID and Ssp-TraceID, all of them required.
func SSPHeaders() Headers {
	return Headers{
		From:               "Ssp-From",
		To:                 "Ssp-To",
		Interaction:        "Ssp-InteractionID",
		Trace:              "Ssp-TraceID",
		RequireInteraction: true,
	}
}

const authorization = "Authorization"
