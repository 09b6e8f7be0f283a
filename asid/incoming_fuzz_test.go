// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// headerSeeds are headers as lines, one of each protocol, and some that are wrong.
func headerSeeds() []string {
	var seeds []string
	for _, r := range []*http.Request{create(), retrieval()} {
		var b strings.Builder
		for name, values := range r.Header {
			b.WriteString(name + ":" + values[0] + "\n")
		}
		seeds = append(seeds, b.String(), b.String()+"fromASID:1\nssp_from:2\n", strings.ToLower(b.String()),
			b.String()+"Connection:close, toasid\nconnection:ssp-to\n")
	}
	return append(seeds, "Upgrade:h2c\n", "X_HTTP_Method:DELETE\n")
}

// FuzzHeaders sends any header to an Authorizer and a Gate. What either accepts
// has each header once, in every spelling, and names the systems that the caller
// is said to be; nothing panics.
func FuzzHeaders(f *testing.F) {
	for _, seed := range headerSeeds() {
		f.Add(seed)
	}
	memory, err := asid.NewMemory(provider, consumer)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		header := make(http.Header)
		for line := range strings.Lines(lines) {
			if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); ok {
				header[name] = append(header[name], value)
			}
		}
		once := func(name, value string) {
			n := 0
			for key, values := range header {
				if strings.EqualFold(strings.ReplaceAll(key, "_", "-"), name) {
					n += len(values)
					assert.Equal(t, []string{value}, values)
				}
			}
			assert.Equal(t, 1, n, name)
			for _, key := range []string{"Connection", "connection"} {
				for _, option := range strings.Split(strings.Join(header[key], ","), ",") {
					assert.False(t, strings.EqualFold(strings.Trim(option, " \t"), name), "a proxy drops %s", name)
				}
			}
		}
		r := create()
		r.Header = header
		a := &asid.Authorizer{Registry: memory, Self: nrl, Peers: asidtest.Peers{}, Tokens: asid.TokenForm}
		serve(a.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			caller, _ := asid.CallerFrom(r.Context())
			assert.Equal(t, provider.ASID, caller.System.ASID, "the certificate is the provider's")
			once("fromASID", provider.ASID.String())
			once("toASID", nrl.String())
		})), r)

		r = retrieval()
		r.Header = header
		g := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
		serve(g.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			forwarded, _ := asid.ForwardedFrom(r.Context())
			once("Ssp-From", forwarded.From.String())
			once("Ssp-To", provider.ASID.String())
			once("Ssp-InteractionID", string(asid.DocumentReferenceContentRead))
			once("Ssp-TraceID", forwarded.TraceID)
		})), r)
	})
}
