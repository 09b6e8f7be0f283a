// SPDX-License-Identifier: Apache-2.0

package asid

// A Protocol says which headers carry the ASIDs of sender and receiver and the
// interaction ID. Each header must be there exactly once, with one value, and
// under no other spelling that some reader takes for the same, and must not be one
// that Connection or Proxy-Connection names, for a proxy would not pass it on.
type Protocol int

const (
	// NRL is the NRL's own: fromASID and toASID, and InteractionID if the request
	// carries it. It is the zero value.
	NRL Protocol = iota

	// SSP is the Spine Secure Proxy's: Ssp-From, Ssp-To, Ssp-InteractionID and
	// Ssp-TraceID, all of them required.
	SSP
)

// headerNames are the headers of one protocol.
type headerNames struct {
	from, to, interaction string
	trace                 string // of a UUID for each request; empty: none
	requireInteraction    bool
}

// names returns the headers of p.
func (p Protocol) names() (headerNames, error) {
	switch p {
	case NRL:
		return headerNames{from: "fromASID", to: "toASID", interaction: "InteractionID"}, nil
	case SSP:
		return headerNames{
			from: "Ssp-From", to: "Ssp-To", interaction: "Ssp-InteractionID", trace: "Ssp-TraceID",
			requireInteraction: true,
		}, nil
	}
	return headerNames{}, &ConfigError{Field: "Protocol", Detail: "is none that there is"}
}
