// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A frontForm is how a proxy writes what it knows of its client.
type frontForm struct {
	name                         string
	certificate, protocol, suite string // its headers
	write                        func(der []byte) string
	secret                       string // that the proxy is known by; empty: it cannot send one
}

const (
	frontHeader = "front-header" // the rule of what the proxy's headers say
	frontProxy  = "proxy"        // the rule of whether they are the proxy's
	frontSecret = "the published secret of the corpus, not to be used"
	secretName  = "Ssl-Proxy-Secret"
)

// The forms of the package tlsconfig/front. AWS' balancers add no header of their
// operator's.
var (
	nginxForm   = &frontForm{"nginx", "Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string { return strings.ReplaceAll(escapedPEM(der), "+", "%2B") }, frontSecret}
	apacheForm  = &frontForm{"apache", "Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", escapedPEM, frontSecret}
	haproxyForm = &frontForm{"haproxy", "Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", base64.StdEncoding.EncodeToString, frontSecret}
	envoyForm   = &frontForm{"envoy", "X-Forwarded-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string { return `Hash=0a1b;Cert="` + escapedPEM(der) + `";Subject="CN=\"x\",O=nhs"` }, frontSecret}
	rfc9440Form = &frontForm{"rfc9440", "Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }, frontSecret}
	awsForm     = &frontForm{"aws", "X-Amzn-Mtls-Clientcert", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", escapedPEM, ""}
	awsLeafForm = &frontForm{"awsleaf", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", escapedPEM, ""}
)

// escapedPEM is PEM of a certificate, percent-encoded.
func escapedPEM(der []byte) string {
	return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// fronts adds the cases of a server behind a proxy that ends TLS and leaves it to the
// server to judge the client's certificate.
func (g *generator) fronts(s *spine, lists []string) {
	der := g.newLeaf(s, commonName(fqdn)).Raw
	other := g.newLeaf(s, commonName("other.nhs.uk")).Raw
	add := func(f *frontForm, name, rule string, change func(r *request)) {
		r := &request{headers: [][2]string{{f.certificate, f.write(der)}, {f.protocol, "TLSv1.2"}, {f.suite, "ECDHE-RSA-AES256-GCM-SHA384"}}}
		if f.secret != "" {
			r.set(secretName, f.secret)
		}
		if change != nil {
			change(r)
		}
		c := testdata.Case{Name: "front, " + f.name + ": " + name, Clause: clauseTLSMA, Verdict: testdata.Accept, Rule: rule, Front: &testdata.Front{
			Form: f.name, Secret: f.secret, Headers: r.headers, FQDNs: []string{fqdn}, At: now,
			Roots: g.pins("roots", []ca{s.root}), SubCAs: g.pins("subcas", []ca{s.subCA}), CRLs: lists,
		}}
		if rule != "" {
			c.Verdict = testdata.Refuse
		}
		g.add(c)
	}
	for _, f := range []*frontForm{nginxForm, apacheForm, haproxyForm, envoyForm, rfc9440Form, awsForm, awsLeafForm} {
		add(f, "a good client", "", nil)
		add(f, "a client of another FQDN", "fqdn", func(r *request) { r.set(f.certificate, f.write(other)) })
		add(f, "octets that are no certificate", frontHeader, func(r *request) { r.set(f.certificate, f.write([]byte("x"))) })
		for _, h := range [][2]string{{"certificate", f.certificate}, {"protocol", f.protocol}, {"suite", f.suite}} {
			what, name := h[0], h[1]
			add(f, "no "+what, frontHeader, func(r *request) { r.drop(name) })
			add(f, "an empty "+what, frontHeader, func(r *request) { r.set(name, "") })
			add(f, "the "+what+" twice", frontHeader, func(r *request) { r.again(name, r.value(name)) })
		}
	}
	add(nginxForm, "the certificate in a header with underscores", frontHeader, func(r *request) {
		r.drop(nginxForm.certificate)
		r.set("Ssl_Client_Cert", nginxForm.write(der))
	})
	add(nginxForm, "no secret", frontProxy, func(r *request) { r.drop(secretName) })
	add(nginxForm, "another secret", frontProxy, func(r *request) { r.set(secretName, strings.ToUpper(frontSecret)) })
	add(nginxForm, "the secret twice", frontProxy, func(r *request) { r.again(secretName, frontSecret) })

	encoded := func(f *frontForm, name, rule, value string) {
		add(f, name, rule, func(r *request) { r.set(f.certificate, value) })
	}
	good, base := nginxForm.write(der), base64.StdEncoding.EncodeToString(der)
	const begin = "-----BEGIN%20CERTIFICATE-----%0A"
	encoded(nginxForm, "base64 alone", frontHeader, base)
	encoded(nginxForm, "PEM of another type", frontHeader, strings.ReplaceAll(good, "CERTIFICATE", "TRUSTED%20CERTIFICATE"))
	encoded(nginxForm, "a header in the PEM", frontHeader, strings.Replace(good, begin, begin+"X:%20y%0A%0A", 1))
	encoded(nginxForm, "the first line of the PEM twice", frontHeader, begin+good)
	encoded(nginxForm, "two certificates", frontHeader, good+good)
	encoded(nginxForm, "text before the PEM", frontHeader, "x%0A"+good)
	encoded(nginxForm, "text behind the PEM", frontHeader, good+"x")
	encoded(nginxForm, "percent signs that encode nothing", frontHeader, good+"%zz")
	encoded(haproxyForm, "PEM", frontHeader, good)
	encoded(haproxyForm, "base64 without its last character", frontHeader, base[:len(base)-1])
	encoded(rfc9440Form, "no colons", frontHeader, base)
	encoded(envoyForm, "no Cert", frontHeader, `Hash=0a1b;Subject="CN=x"`)
	encoded(envoyForm, "Cert twice", frontHeader, `Cert="`+good+`";Cert="`+good+`"`)
	encoded(envoyForm, "two elements", frontHeader, `Hash=0a1b,Cert="`+good+`"`)
	encoded(envoyForm, "a quote that does not end", frontHeader, `Hash=0a1b;Cert="`+good)
	encoded(envoyForm, "a key without a value", frontHeader, `Cert="`+good+`";x`)
	chain := escapedPEM(der) + escapedPEM(s.subCA.cert.Raw)
	encoded(awsForm, "the SubCA behind the leaf", "", chain)
	encoded(awsForm, "two values that a comma joins", frontHeader, escapedPEM(der)+","+escapedPEM(other))
	encoded(awsLeafForm, "the SubCA behind the leaf", frontHeader, chain)
}
