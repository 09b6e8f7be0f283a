// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A readiness check: there are current lists for the certificates that are to be
// expected, which a chain of the same CA stands for, the server's own for
// instance, and they have been looked after lately.
func ExampleCRLs_State() {
	ca, caKey := exampleCertificate(nil, nil)
	own, _ := exampleCertificate(ca, caKey)
	crls := &revocation.CRLs{} // with a Fetcher and Run going
	checker := &revocation.Checker{Sources: []revocation.Source{crls}}

	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := checker.Check(r.Context(), []*x509.Certificate{own, ca}, nil); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		for _, look := range crls.State().Looks {
			if age := time.Since(look.Last); age > 2*time.Hour {
				http.Error(w, fmt.Sprintf("%s was last looked after %s ago: %v", look.URL, age, look.Err), http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ready")
	})
	get := func() {
		w := httptest.NewRecorder()
		http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		fmt.Println(w.Code)
	}

	get()
	if err := crls.Add(revocationtest.CRL{Issuer: ca, Key: caKey, Number: 7}.DER()); err != nil {
		fmt.Println(err)
	}
	get()
	for _, list := range crls.State().Lists {
		fmt.Println(list.Issuer, list.Number, list.Entries, list.Decides)
	}
	// Output:
	// 503
	// 200
	// CN=Root 7 0 true
}
