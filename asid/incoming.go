// SPDX-License-Identifier: Apache-2.0

package asid

import "net/http"

// An incoming is what a request says and who its peer is.
type incoming struct {
	names       Names // of the peer's certificate
	from, to    ID
	interaction InteractionID // of the header; empty: it is optional and not there
	trace       string        // empty: the protocol has none
	token       *Token
	observed    InteractionID // what method and path amount to; empty until it is known
	bound       Binding       // if it was authorised
	pointer     string        // the logical id in the path or of the context, for the audit
}

// A reader reads requests of one protocol that are meant for self.
type reader struct {
	peers              PeerSource
	protocol           Protocol
	requireInteraction bool
	testIDs            bool
	self               ID
}

// read asks who the peer of r is and reads the headers. What could be read before
// an error stays in in, for the audit. The errors are *RequestError.
func (in *incoming) read(r *http.Request, by *reader) error {
	var err error
	if in.names, err = peerNames(by.peers, r); err != nil {
		return err
	}
	if err := overridden(r); err != nil {
		return err
	}
	names, err := by.protocol.names()
	if err != nil {
		return err
	}
	fields := names.fields()
	findHeaders(r.Header, fields[:])
	markTrailers(r.Trailer, fields[:])
	from, to, interaction, trace, token := &fields[0], &fields[1], &fields[2], &fields[3], &fields[4]
	if in.from, err = from.id(by.testIDs); err != nil {
		return err
	}
	if in.to, err = to.id(by.testIDs); err != nil {
		return err
	}
	if in.interaction, err = interaction.interaction(by.requireInteraction || by.protocol == SSP); err != nil {
		return err
	}
	if names.trace != "" {
		if in.trace, err = trace.uuid(); err != nil {
			return err
		}
	}
	if in.token, err = token.bearer(); err != nil {
		return err
	}
	if in.to != by.self {
		return to.refuse("is not the ASID of this system", nil)
	}
	return nil
}
