// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A scene is one request: what is sent, and how it should be answered.
type scene struct {
	sent   string
	play   func() result
	answer string
	rule   string
}

type result struct{ answer, rule string }

const (
	refusedHandshake = "handshake refused"
	passed           = "none: all passed"
	record           = "https://" + providerName + "/records/1"
)

func (w *world) scenes() []scene {
	user := asid.Claims{Organization: codes("RGD")[0], User: "111222333444"}
	viaSSP := func(from, to asid.ID, cert tls.Certificate) func() result {
		return func() result {
			client := w.ssp.Client(cert, from, to)
			transport, ok := client.Transport.(*asid.Transport)
			if !ok {
				return result{answer: "the SSP's client has no transport of asid's"}
			}
			transport.Claims = user
			return w.send(transport, http.MethodGet, record, "", "")
		}
	}
	direct := func(variations ...spinetest.Variation) func() result {
		return func() result { return w.connect(w.provider, w.pki.Issue(sspName, variations...)) }
	}
	to := func(server *spinetest.Server, claimed asid.InteractionID, from asid.ID, ods string, cert tls.Certificate, method, path, body string) func() result {
		return func() result {
			t := &asid.Transport{Base: server.Client(cert).Transport, From: from, To: nrlASID, Interaction: claimed,
				Claims: asid.Claims{Organization: codes(ods)[0]}}
			return w.send(t, method, server.URL+"/STU3/DocumentReference"+path, body, "application/fhir+json")
		}
	}
	nrl := func(from asid.ID, ods string, cert tls.Certificate, method, path, body string) func() result {
		return to(w.nrl, "", from, ods, cert, method, path, body)
	}
	theStored := "?" + url.Values{"subject": {patient}, "identifier": {identifier.System + "|" + identifier.Value}}.Encode()
	mine, theirs := documentReference("RR8", ""), documentReference("RXA", "")
	return []scene{
		{"consumer: retrieve a record through the SSP", viaSSP(consumerASID, providerASID, w.consumer), "200 OK", passed},
		{"consumer: the same, as a system that is not assured for it", viaSSP(providerASID, providerASID, w.systemRR8), "403 ASID_CHECK_FAILED", "SSP"},
		{"consumer: the same, under another system's ASID", viaSSP(consumerASID, providerASID, w.systemRXA), "403 ACCESS_DENIED", "SSP"},
		{"consumer: call the provider itself, past the SSP", func() result { return w.connect(w.provider, w.consumer) }, refusedHandshake, "fqdn"},
		{"provider is called without a certificate", func() result { return w.connect(w.provider, tls.Certificate{}) }, refusedHandshake, "mutual TLS"},
		{"provider is called with TLS 1.3 only", w.tls13, refusedHandshake, "TLS 1.2 only"},
		{"provider is called by the SSP's name from a sibling SubCA", direct(spinetest.FromOtherSubCA()), refusedHandshake, "subca"},
		{"provider is called by the SSP, its certificate expired", direct(spinetest.Expired()), refusedHandshake, "validity"},
		{"provider is called by the SSP, its certificate signed with SHA-1", direct(spinetest.SHA1()), refusedHandshake, "key"},
		{"provider is called by the SSP, its certificate revoked", w.revoked, refusedHandshake, "revocation"},
		{"provider is called by the SSP, revoked before it resumes", w.revokedSession, refusedHandshake, "revocation"},
		{"provider: create a pointer of its own", nrl(providerASID, "RR8", w.systemRR8, "POST", "", mine), "201 Created", passed},
		{"provider: supersede a pointer of its own", nrl(providerASID, "RR8", w.systemRR8, "POST", "", documentReference("RR8", "stored")), "201 Created", passed},
		{"provider: create a pointer of another organisation", nrl(providerASID, "RR8", w.systemRR8, "POST", "", theirs), "400 INVALID_RESOURCE", "owner"},
		{"provider: name the custodian twice", nrl(providerASID, "RR8", w.systemRR8, "POST", "", twice(mine)), "400 INVALID_RESOURCE", "resource"},
		{"provider: delete a pointer of another organisation", nrl(otherASID, "RXA", w.systemRXA, "DELETE", theStored, ""), "400 INVALID_RESOURCE", "owner"},
		{"provider: the same, where it is not told that the pointer is there",
			to(w.discreet, "", otherASID, "RXA", w.systemRXA, "DELETE", theStored, ""), "404 NO_RECORD_FOUND", "owner"},
		{"provider: delete a pointer of its own", nrl(providerASID, "RR8", w.systemRR8, "DELETE", theStored, ""), "200 OK", passed},
		{"consumer: create a pointer", nrl(consumerASID, "RGD", w.consumer, "POST", "", mine), "403 ASID_CHECK_FAILED", "interaction"},
		{"provider: create under another system's ASID", nrl(providerASID, "RR8", w.systemRXA, "POST", "", mine), "403 ACCESS_DENIED", "binding"},
		{"provider: claim an interaction that the request is not",
			to(w.nrl, asid.DocumentReferenceDelete, providerASID, "RR8", w.systemRR8, "POST", "", mine), "400 MISSING_OR_INVALID_HEADER", "header"},
	}
}

// send sends one request and reads what was answered, and by which rule.
func (w *world) send(transport http.RoundTripper, method, to, body, contentType string) result {
	request, err := http.NewRequest(method, to, strings.NewReader(body))
	if err != nil {
		return result{answer: err.Error()}
	}
	request.Header.Set("Accept", "application/fhir+json")
	if body != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return result{refusedHandshake, w.whoRefused(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return result{answer: err.Error()}
	}
	rule := w.deciding.take()
	if response.StatusCode/100 == 2 {
		if rule == "" {
			rule = passed
		}
		return result{response.Status, rule}
	}
	if rule == "" {
		rule = "SSP" // which has no log to look into
	}
	return result{fmt.Sprintf("%d %s", response.StatusCode, code(text)), rule}
}

// code returns the code of an OperationOutcome.
func code(text []byte) string {
	var outcome struct {
		Issue []struct {
			Details struct{ Coding []struct{ Code string } }
		}
	}
	if json.Unmarshal(text, &outcome) != nil || len(outcome.Issue) != 1 || len(outcome.Issue[0].Details.Coding) != 1 {
		return "(no OperationOutcome)"
	}
	return outcome.Issue[0].Details.Coding[0].Code
}

// connect calls a server with a certificate that its handshake should refuse.
func (w *world) connect(server *spinetest.Server, cert tls.Certificate) result {
	return w.send(server.Client(cert).Transport, http.MethodGet, server.URL, "", "")
}

// whoRefused names the rule of a refused handshake: the server's log has it, but
// for what crypto/tls itself refuses.
func (w *world) whoRefused(err error) string {
	if rule := w.deciding.take(); rule != "" {
		return rule
	}
	alert, _ := errors.AsType[*net.OpError](err)
	switch {
	case alert != nil && strings.Contains(alert.Error(), "protocol version"):
		return "TLS 1.2 only"
	case alert != nil && alert.Op == "remote error":
		return "mutual TLS"
	}
	return err.Error()
}

func (w *world) tls13() result {
	config := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true,
		Certificates: []tls.Certificate{w.pki.Issue(sspName)}}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.provider.URL, "https://"), config)
	if err != nil {
		return result{refusedHandshake, w.whoRefused(err)}
	}
	conn.Close()
	return result{answer: "connected"}
}

func (w *world) revoked() result {
	cert := w.pki.Issue(sspName)
	w.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Now())
	return w.connect(w.provider, cert)
}

// revokedSession makes a session, revokes the certificate and resumes.
func (w *world) revokedSession() result {
	cert := w.pki.Issue(sspName)
	client := w.provider.Client(cert)
	first := w.send(client.Transport, http.MethodGet, w.provider.URL, "", "")
	if first.rule != "header" { // the gate's: the handshake was good
		return result{answer: "the first handshake: " + first.answer}
	}
	w.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Now())
	return w.send(client.Transport, http.MethodGet, w.provider.URL, "", "")
}

const patient = "https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009"

var identifier = pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.2.3"}

// documentReference is a pointer of the organisation, which replaces another
// unless that is empty.
func documentReference(ods, replaces string) string {
	relatesTo := ""
	if replaces != "" {
		relatesTo = `"relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/` + replaces + `"}}],`
	}
	return `{
		"resourceType": "DocumentReference",
		"status": "current",
		"type": {"coding": [{"system": "http://snomed.info/sct", "code": "736253002"}]},
		"subject": {"reference": "` + patient + `"},
		"indexed": "2026-01-01T00:00:00Z",
		"author": [{"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}],
		"custodian": {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/` + ods + `"},
		` + relatesTo + `
		"content": [{"attachment": {"contentType": "application/pdf", "url": "` + record + `"}}]
	}`
}

// twice adds a second custodian to a pointer.
func twice(body string) string {
	return strings.Replace(body, `"status"`, `"custodian": {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RXA"}, "status"`, 1)
}
