// SPDX-License-Identifier: Apache-2.0

// Package testdata is a corpus of cases with the verdict that each deserves and
// the rule that decides it: certificate chains with CRLs and OCSP responses, TLS
// offers, requests with their headers and tokens, registries, pointers, and changes
// of stored pointers. README.md describes the files for those who do not use Go.
//
// The go command passes a folder of this name over in patterns such as ./..., but
// builds it where it is imported by its path.
package testdata

import (
	"crypto/x509"
	"embed"
	"encoding/json"
	"encoding/pem"
	"sync"
	"time"
)

// FS holds the corpus: manifest.json and the files that it names.
//
//go:embed manifest.json registry.json certificates keys
var FS embed.FS

// A Verdict is what an implementation must do with a case.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "accept"
	Refuse Verdict = "refuse"
)

// A Case is one input and what must become of it. Exactly one of the pointers
// is set: the one that says of what kind the case is.
type Case struct {
	Name    string  `json:"name"`           // unique; says what is special about the case
	Clause  string  `json:"clause"`         // section of the guidance, or the RFC's, that the case is about
	Verdict Verdict `json:"verdict"`        //
	Rule    string  `json:"rule,omitempty"` // the word of the rule that refuses; empty if nothing does

	Certificate *Certificate `json:"certificate,omitempty"`
	Offer       *Offer       `json:"offer,omitempty"`
	Request     *Request     `json:"request,omitempty"`
	Registry    *Registry    `json:"registry,omitempty"`
	Pointer     *Pointer     `json:"pointer,omitempty"`
	Change      *Change      `json:"change,omitempty"`
	Front       *Front       `json:"front,omitempty"`
}

// A Certificate is a peer's chain and what it is to be judged by. Files are
// paths in FS.
type Certificate struct {
	Chain  string    `json:"chain"`          // PEM, leaf first, as the peer presents it
	Key    string    `json:"key"`            // PEM (PKCS #8), the leaf's private key
	Usage  string    `json:"usage"`          // what the peer is: client or server
	FQDNs  []string  `json:"fqdns"`          // the names that are accepted
	At     time.Time `json:"at"`             // the time of the check
	Roots  string    `json:"roots"`          // PEM, the pinned roots
	SubCAs string    `json:"subcas"`         // PEM, the pinned SubCAs
	CRLs   []string  `json:"crls,omitempty"` // DER, all lists that are known
	OCSP   string    `json:"ocsp,omitempty"` // DER, the response that is stapled about the leaf
}

// Certificates returns the certificates of a PEM file in FS, in its order. It panics
// if the file is not in FS or cannot be read, which is a fault of the corpus.
func Certificates(file string) (certs []*x509.Certificate) {
	text, err := FS.ReadFile(file)
	if err != nil {
		panic("testdata: " + err.Error())
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return certs
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic("testdata: " + file + ": " + err.Error())
		}
		certs = append(certs, cert)
	}
}

// An Offer is a ClientHello, and what a server that has all eight suites does
// with it.
type Offer struct {
	Versions []string `json:"versions"`         // such as "TLS 1.2"
	Suites   []uint16 `json:"suites"`           // codes (IANA), in the client's order
	Chosen   uint16   `json:"chosen,omitempty"` // by a server with all eight suites; 0: the handshake fails
	Native   uint16   `json:"native,omitempty"` // by a server with the three that crypto/tls has
}

// Codes returns the codes of the versions (RFC 8446 section 4.2.1), 0 for one that
// has none.
func (o *Offer) Codes() (codes []uint16) {
	known := map[string]uint16{"SSLv3": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
	for _, name := range o.Versions {
		codes = append(codes, known[name])
	}
	return codes
}

// A Request is one to a server, and what is answered. Self is the server's own
// ASID; "nrl" is an NRL-like server, which checks tokens against the request, and
// "provider" one behind the Spine Secure Proxy, which checks their form.
type Request struct {
	Server   string      `json:"server"`
	Self     string      `json:"self"`
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Headers  [][2]string `json:"headers"`
	FQDN     string      `json:"fqdn"`     // of the client's certificate, which has been verified
	Registry string      `json:"registry"` // file; empty: the registry cannot be asked, as in an outage
	At       time.Time   `json:"at"`

	// Version and Suite are those of the client's connection to a proxy that ends
	// TLS, as nginx names them; empty: the connection is as the guidance wants it.
	Version string `json:"version,omitempty"`
	Suite   string `json:"suite,omitempty"`

	// Trailers follow the body, which is empty unless the case is of a change, and the
	// header announces them (RFC 9110 section 6.6.2). Protocol is HTTP/2.0, or empty:
	// HTTP/1.1, where the body then is chunked.
	Trailers [][2]string `json:"trailers,omitempty"`
	Protocol string      `json:"protocol,omitempty"`

	// Endpoints are those of a provider; empty: it serves records, whatever the path.
	Endpoints []Endpoint `json:"endpoints,omitempty"`

	Status  int    `json:"status,omitempty"`  // of the answer that refuses
	Issue   string `json:"issue,omitempty"`   // its issue code
	Code    string `json:"code,omitempty"`    // its coding code
	Display string `json:"display,omitempty"` // its coding's display
}

// An Endpoint is a path of a provider's, or a tree of paths, and the interaction that
// is to be named for it. A segment {name} stands for any one, and {name...} in the last
// place for one or more; a literal segment is preferred to both.
type Endpoint struct {
	Path        string   `json:"path"`
	Interaction string   `json:"interaction"`
	Methods     []string `json:"methods,omitempty"` // empty: GET and HEAD for the retrieval of a record, else all
}

// A Front is a request as it comes from a proxy that ends TLS: what its headers say
// of the connection and of the client's certificate, which the server judges. It came
// from the proxy if it has the secret.
type Front struct {
	Form    string      `json:"form"`             // how the proxy writes them: nginx, apache, haproxy, envoy, rfc9440, aws or awsleaf
	Headers [][2]string `json:"headers"`          // that the proxy adds
	Secret  string      `json:"secret,omitempty"` // that is known to proxy and server, sent as Ssl-Proxy-Secret; empty: the proxy cannot send one
	FQDNs   []string    `json:"fqdns"`            // the names that are accepted
	At      time.Time   `json:"at"`               // the time of the check
	Roots   string      `json:"roots"`            // PEM, the pinned roots
	SubCAs  string      `json:"subcas"`           // PEM, the pinned SubCAs
	CRLs    []string    `json:"crls,omitempty"`   // DER, all lists that are known
}

// A Registry is the file of a registry: one that is refused may not be taken in
// part.
type Registry struct {
	Text   string   `json:"text"`             // JSON
	Octets []byte   `json:"octets,omitempty"` // in place of Text, where that is no UTF-8
	ASIDs  []string `json:"asids,omitempty"`  // of the systems that it has
}

// Bytes returns the file.
func (r *Registry) Bytes() []byte {
	if r.Octets != nil {
		return r.Octets
	}
	return []byte(r.Text)
}

// A Pointer is the body of a DocumentReference, and what is to be read in it.
type Pointer struct {
	ContentType string `json:"contentType"`
	Body        string `json:"body"`
	Octets      []byte `json:"octets,omitempty"`     // in place of Body, where that is no UTF-8
	Custodian   string `json:"custodian,omitempty"`  // ODS code in capitals
	Subject     string `json:"subject,omitempty"`    // the patient's URL; of an NHS number, that on the PDS
	Identifier  string `json:"identifier,omitempty"` // the master identifier, as system|value
	Status      string `json:"status,omitempty"`
	RelatesTo   string `json:"relatesTo,omitempty"` // as code|logical id|system|value
}

// Bytes returns the body.
func (p *Pointer) Bytes() []byte {
	if p.Octets != nil {
		return p.Octets
	}
	return []byte(p.Body)
}

// A Change is a request to an NRL-like server that would change a pointer, or
// search for them. The server has the stored pointers.
type Change struct {
	Request
	Body   string   `json:"body,omitempty"`
	Stored []Stored `json:"stored,omitempty"`

	// Lookup is what comes of looking up a stored pointer, if it is not that pointer
	// or that there is none: "fails", "unavailable" (for a time), "unsearchable" (no
	// pointer of that patient can be found but by id), "nothing" (neither a pointer nor a
	// failure), "another pointer" or "no version" (of the pointer).
	Lookup string `json:"lookup,omitempty"`

	// After is the status of each stored pointer once the request is answered; one
	// that is deleted is not in it. New is how many there are beside them.
	After map[string]string `json:"after,omitempty"`
	New   int               `json:"new,omitempty"`
}

// A Stored pointer is one that the server has.
type Stored struct {
	ID        string `json:"id"`
	Version   string `json:"version"`
	Status    string `json:"status"`
	Custodian string `json:"custodian"` // ODS code
	Body      string `json:"body"`      // as it was created, in FHIR's JSON; current
}

// Cases returns the manifest's cases. It panics if the manifest cannot be read,
// which is a fault of the corpus.
func Cases() []Case { return manifest().Cases }

var manifest = sync.OnceValue(func() (m struct {
	Version int    `json:"version"`
	Cases   []Case `json:"cases"`
}) {
	data, err := FS.ReadFile("manifest.json")
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		panic("testdata: " + err.Error())
	}
	return m
})
