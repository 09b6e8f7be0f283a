// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

const (
	systemPrefix       = spine.ASIDSystem + "|"
	organizationPrefix = spine.ODSSystem + "|"
	userPrefix         = spine.UserSystem + "|"
	patientPrefix      = spine.TokenPatientSystem + "|"

	directCare    = "directcare"
	patientAccess = "patientaccess"
)

const (
	// nrlPrefix begins the interaction IDs of the NRL.
	nrlPrefix = "urn:nhs:names:services:nrl:"

	nrlSkew   = 30 * time.Second  // the tolerance of the NHS's responder stub
	otherSkew = 300 * time.Second // GP Connect's test suite asks for 200 s

	// tokenLife is the longest that the Spine allows.
	tokenLife = 5 * time.Minute
)

// scope returns the claim of that name for the NRL's interactions: reading or
// writing, of pointers on the NRL and of anything through the SSP.
func scope(method string, interaction InteractionID) string {
	pointers, reads := ofPointers(interaction), method == http.MethodGet || method == http.MethodHead
	switch {
	case pointers && reads:
		return "patient/DocumentReference.read"
	case pointers:
		return "patient/DocumentReference.write"
	case reads:
		return "patient/*.read"
	}
	return "patient/*.write"
}

// mayBeUnattended reports whether requests of the interaction need no user or patient:
// of the NRL's, those by which a provider maintains its pointers.
func mayBeUnattended(interaction InteractionID) bool {
	switch interaction {
	case DocumentReferenceCreate, DocumentReferenceUpdate, DocumentReferencePatch, DocumentReferenceDelete:
		return true
	}
	return !strings.HasPrefix(string(interaction), nrlPrefix)
}

// withHTTPS returns the identifier of a patient with https: pages and senders have
// http, too.
func withHTTPS(identifier string) string {
	if rest, found := strings.CutPrefix(identifier, "http://fhir.nhs.net/"); found {
		return "https://fhir.nhs.net/" + rest
	}
	return identifier
}

// encodeToken returns the token of a payload as it is sent.
func encodeToken(payload []byte) string {
	return unsignedHeader + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// unsignedHeader is {"alg":"none","typ":"JWT"}, as most senders write it.
const unsignedHeader = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
