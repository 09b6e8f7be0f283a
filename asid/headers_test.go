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

func FuzzGateHeaders(f *testing.F) {
	r := retrieval()
	f.Add("Ssp-From", r.Header.Get("Ssp-From"), r.Header.Get("Ssp-TraceID"), r.Header.Get("Ssp-InteractionID"), r.Header.Get("Authorization"))
	f.Add("X-Other", r.Header.Get("Ssp-From"), r.Header.Get("Ssp-TraceID"), r.Header.Get("Ssp-InteractionID"), r.Header.Get("Authorization"))
	f.Add("ssp_from", "1", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "urn:a1:b,urn:a1:b", "bearer e30.e30.")
	f.Fuzz(func(t *testing.T, name, from, trace, interaction, token string) {
		r := retrieval()
		r.Header.Set("Ssp-From", from)
		r.Header.Set("Ssp-TraceID", trace)
		r.Header.Set("Ssp-InteractionID", interaction)
		r.Header.Set("Authorization", token)
		r.Header[name] = append(r.Header[name], from)
		passed := false
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Interaction: asid.InteractionID(interaction)}
		w := serve(gate.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			forwarded, ok := asid.ForwardedFrom(r.Context())
			passed = ok
			assert.Equal(t, from, forwarded.From.String())
			assert.Equal(t, trace, forwarded.TraceID)
			if interaction != "" {
				assert.Equal(t, interaction, string(forwarded.Interaction))
			}
		})), r)
		assert.Equal(t, passed, w.Code == http.StatusOK)
		if !passed {
			return
		}
		assert.Regexp(t, `\A[0-9]{12}\z`, from)
		assert.Regexp(t, `\A[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z`, trace)
		assert.NotContains(t, interaction, ",")
		assert.Regexp(t, `(?i)\ABearer +[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.\z`, token)
		for _, known := range []string{"Ssp-From", "Ssp-To", "Ssp-TraceID", "Ssp-InteractionID", "Authorization"} {
			assert.False(t, strings.EqualFold(strings.ReplaceAll(name, "_", "-"), known), "the header %q is there twice", known)
		}
	})
}
