// SPDX-License-Identifier: Apache-2.0

package corpus

import "github.com/nrlsecurity/nrlsecurity/testdata"

// An answer is a row of the NRL's error table.
type answer struct {
	status               int
	issue, code, display string
}

const (
	headerMissing = "There is a required header missing or invalid"
	deniedASID    = "The sender or receiver's ASID is not authorised for this interaction"
	badRequest    = "Bad request"
)

// answers are what each rule is answered with. Of an invalid resource the display
// goes on with the element.
var answers = map[string]answer{
	"header":      {400, "invalid", "MISSING_OR_INVALID_HEADER", headerMissing},
	"token":       {400, "structure", "MISSING_OR_INVALID_HEADER", headerMissing},
	"request":     {400, "invalid", "BAD_REQUEST", badRequest},
	"asid":        {403, "forbidden", "ASID_CHECK_FAILED", deniedASID},
	"interaction": {403, "forbidden", "ASID_CHECK_FAILED", deniedASID},
	"binding":     {403, "forbidden", "ACCESS_DENIED", "Access has been denied to process this request"},
	"version":     {403, "forbidden", "ACCESS_DENIED_SSL", "SSL Protocol or Cipher requirements not met"},
	"suite":       {403, "forbidden", "ACCESS_DENIED_SSL", "SSL Protocol or Cipher requirements not met"},
	"owner":       {400, "invalid", "INVALID_RESOURCE", "Resource is invalid : custodian"},
	"relates-to":  {400, "invalid", "INVALID_RESOURCE", "Resource is invalid : relatesTo"},
	"resource":    {400, "invalid", "INVALID_RESOURCE", "Resource is invalid : "},
	"not-found":   {404, "not-found", "NO_RECORD_FOUND", "No record found"},
	"ambiguous":   {404, "not-found", "NO_RECORD_FOUND", "No record found"},
	"not-current": {400, "invalid", "BAD_REQUEST", badRequest},
	"body":        {400, "value", "INVALID_REQUEST_MESSAGE", "Invalid Request Message"},
	"duplicate":   {400, "duplicate", "DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource"},
	"media-type":  {415, "invalid", "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"},
	"registry":    {503, "transient", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"},
	"resolver":    {500, "exception", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"},
	"unavailable": {503, "transient", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"},
	"version-412": {412, "conflict", "BAD_REQUEST", badRequest},
}

// answered fills in what a request that is refused by a rule is answered with.
func answered(r *testdata.Request, rule, element string) {
	a, ok := answers[rule]
	if !ok {
		panic("corpus: no answer for " + rule)
	}
	r.Status, r.Issue, r.Code, r.Display = a.status, a.issue, a.code, a.display+element
}

// registryFile has the registry that the requests are judged by.
const registryFile = "registry.json"

// requestCase is a request to a server, which a rule refuses, or none.
func requestCase(name, server, clause, rule string, r *request) testdata.Case {
	c := testdata.Case{Name: name, Clause: clause, Verdict: testdata.Accept, Rule: rule, Request: &testdata.Request{
		Server: server, Method: r.method, Target: r.target, Headers: r.headers, FQDN: r.fqdn, Registry: registryFile, At: now, Self: nrlASID,
		Trailers: r.trailers, Protocol: r.protocol, Endpoints: r.endpoints,
	}}
	if server == "provider" {
		c.Request.Self = providerASID
	}
	if rule != "" {
		c.Verdict = testdata.Refuse
		answered(c.Request, rule, "")
	}
	return c
}

// connections adds the requests that came through a proxy, over connections that
// are not as the guidance wants them. What the proxy says is nginx' $ssl_protocol
// and $ssl_cipher.
func (g *generator) connections() {
	add := func(server, rule, version, suite string, r *request) {
		clause, what := clauseProtocols, version
		if rule == "suite" {
			clause, what = clauseCiphers, suite
		}
		c := requestCase(server+" behind a proxy: "+what, server, clause, rule, r)
		c.Request.Version, c.Request.Suite = version, suite
		g.add(c)
	}
	const tls12, first = "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"
	add("nrl", "", tls12, first, newRequest())
	add("provider", "", tls12, first, newRetrieval())
	for _, version := range []string{"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.3"} {
		add("nrl", "version", version, first, newRequest())
		add("provider", "version", version, first, newRetrieval())
	}
	for _, suite := range []string{"AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "DHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256", "NULL-SHA256"} {
		add("nrl", "suite", tls12, suite, newRequest())
		add("provider", "suite", tls12, suite, newRetrieval())
	}
}
