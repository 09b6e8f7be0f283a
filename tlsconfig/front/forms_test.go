// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFormsOfEveryProxy(t *testing.T) {
	t.Parallel()
	pki := spine()
	ssp := pki.Issue(sspFQDN)
	for form := range written {
		t.Run(string(form), func(t *testing.T) {
			t.Parallel()
			b := serve(t, newFront(pki, form), "tcp", "127.0.0.1:0")
			for range 2 { // the second finds the certificate known
				b.get(t, headersOf(form, ssp.Certificate[0]))
				require.NoError(t, b.err)
				assert.Equal(t, sspFQDN, b.peer)
			}
			// No other program's form is taken for it.
			for other := range written {
				if written[other].certificate == written[form].certificate && written[other].write(ssp.Certificate[0]) == written[form].write(ssp.Certificate[0]) ||
					form == front.Nginx && other == front.Apache || form == front.Apache && other == front.Nginx {
					continue
				}
				b.get(t, headersOf(other, ssp.Certificate[0]))
				assert.Equal(t, front.RuleHeader, b.rule(t), "%s taken for %s", other, form)
			}
		})
	}
}

// Of each form's header only one writing is read, and what could be read in two
// ways is refused.
func TestAmbiguousCertificatesAreRefused(t *testing.T) {
	t.Parallel()
	pki := spine()
	der := pki.Issue(sspFQDN).Certificate[0]
	servers := make(map[front.Form]*behind)
	for form := range written {
		servers[form] = serve(t, newFront(pki, form), "tcp", "127.0.0.1:0")
	}
	pemOf, base := escaped(der), base64.StdEncoding.EncodeToString(der)
	for _, test := range []struct {
		name  string
		form  front.Form
		value string
	}{
		{"a chain and another list joined to it", front.AWS, pemOf + pemOf + "," + pemOf},
		{"a certificate and text", front.AWS, pemOf + "x"},
		{"a certificate and a block of another type", front.AWS, pemOf + strings.ReplaceAll(pemOf, "CERTIFICATE", "PRIVATE%20KEY")},
		{"a certificate and half of one", front.AWS, pemOf + pemOf[:len(pemOf)/2]},
		{"a chain where one leaf is wanted", front.AWSLeaf, pemOf + pemOf},
		{"a block within a block", front.Nginx, "-----BEGIN%20CERTIFICATE-----%0A" + pemOf},
		{"a block of another type within a block", front.Nginx, "-----BEGIN%20CERTIFICATE-----%0A" + strings.ReplaceAll(pemOf, "CERTIFICATE", "PRIVATE%20KEY")},
		{"PEM with headers", front.Nginx, strings.Replace(pemOf, "-----%0A", "-----%0AA:%20b%0A%0A", 1)},
		{"PEM that was encoded twice", front.Nginx, url.PathEscape(pemOf)},
		{"two of base64", front.HAProxy, base + "," + base},
		{"base64 in its other alphabet", front.HAProxy, strings.NewReplacer("+", "-", "/", "_").Replace(base)},
		{"two Byte Sequences", front.RFC9440, ":" + base + ":, :" + base + ":"},
		{"a Byte Sequence with parameters", front.RFC9440, ":" + base + ":;a"},
		{"a Byte Sequence that does not begin", front.RFC9440, "x" + base + ":"},
		{"a Byte Sequence that does not end", front.RFC9440, ":" + base + "x"},
		{"a colon alone", front.RFC9440, ":"},
		{"Cert twice", front.Envoy, `Cert="` + pemOf + `";Cert="` + pemOf + `"`},
		{"Cert twice, once empty", front.Envoy, `Cert="";Cert="` + pemOf + `"`},
		{"Cert twice, in other letters", front.Envoy, `cert="` + pemOf + `";CERT="` + pemOf + `"`},
		{"elements of two proxies", front.Envoy, `Cert="` + pemOf + `",Hash=0a`},
		{"elements of two proxies, the first without Cert", front.Envoy, `Hash=0a,Cert="` + pemOf + `"`},
		{"a quote that does not end", front.Envoy, `Cert="` + pemOf},
		{"a quote behind Cert that does not end", front.Envoy, `Cert="` + pemOf + `";Subject="CN=x`},
		{"an escape at the end", front.Envoy, `Cert="` + pemOf + `\`},
		{"text behind a quote", front.Envoy, `Cert="` + pemOf + `"x`},
		{"a semicolon at the end", front.Envoy, `Cert="` + pemOf + `";`},
		{"Cert within another value", front.Envoy, `Subject="Cert=` + pemOf + `"`},
		{"a chain without Cert", front.Envoy, `Chain="` + pemOf + `"`},
		{"an empty Cert", front.Envoy, `Cert=""`},
	} {
		b, headers := servers[test.form], headersOf(test.form, der)
		headers[written[test.form].certificate] = []string{test.value}
		b.get(t, headers)
		assert.Equal(t, front.RuleHeader, b.rule(t), "%s: %s: %v", test.form, test.name, b.err)
		assert.ErrorContains(t, b.err, written[test.form].certificate, "%s: %s", test.form, test.name)
	}
}
