// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nrlsecurity/nrlsecurity/examples/metrics"
	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// pki returns a CA whose authority serves CRLs and OCSP, and a leaf of it.
func pki(t *testing.T) (*revocationtest.Authority, []*x509.Certificate) {
	t.Helper()
	key := testca.ECDSA()
	certify := func(template, parent *x509.Certificate) *x509.Certificate {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		return testca.Sign(template, parent, key.Public(), key)
	}
	ca := certify(testca.CA("CA", 1), nil)
	authority := revocationtest.NewAuthority(ca, key)
	t.Cleanup(authority.Close)
	leaf := certify(&x509.Certificate{
		SerialNumber: big.NewInt(5), CRLDistributionPoints: []string{authority.CRLURL(7)}, OCSPServer: []string{authority.OCSPURL()},
	}, ca)
	return authority, []*x509.Certificate{leaf, ca}
}

func TestCollectorTellsWhatIsKnownAndHow(t *testing.T) {
	authority, chain := pki(t)
	crls := &revocation.CRLs{Fetcher: authority.Fetcher()}
	ocsp := &revocation.OCSP{Fetcher: authority.Fetcher()}
	checker := &revocation.Checker{
		Sources: []revocation.Source{crls, ocsp}, Policy: revocation.Policy{Agreement: revocation.EverySource},
	}
	if err := checker.Check(t.Context(), chain, nil); err != nil {
		t.Fatal(err)
	}
	collector := metrics.Collector{CRLs: crls, OCSP: ocsp}
	want := fmt.Sprintf(`
# HELP nrl_revocation_looks_failing Looks of which the last attempt failed.
# TYPE nrl_revocation_looks_failing gauge
nrl_revocation_looks_failing{kind="crl",url=%q} 0
nrl_revocation_looks_failing{kind="ocsp",url=%q} 0
# HELP nrl_revocation_ocsp_answers OCSP answers that are known.
# TYPE nrl_revocation_ocsp_answers gauge
nrl_revocation_ocsp_answers{status="good"} 1
nrl_revocation_ocsp_answers{status="revoked"} 0
nrl_revocation_ocsp_answers{status="unknown"} 0
# HELP nrl_revocation_unverified Documents whose signer is not known yet.
# TYPE nrl_revocation_unverified gauge
nrl_revocation_unverified{kind="crl"} 0
nrl_revocation_unverified{kind="ocsp"} 0
`, authority.CRLURL(7), authority.OCSPURL())
	err := testutil.CollectAndCompare(collector, strings.NewReader(want),
		"nrl_revocation_looks_failing", "nrl_revocation_ocsp_answers", "nrl_revocation_unverified")
	if err != nil {
		t.Error(err)
	}

	gathered := gather(t, collector)
	for _, name := range []string{"nrl_revocation_crl_next_update_seconds", "nrl_revocation_crl_this_update_seconds", "nrl_revocation_look_oldest_seconds"} {
		if at := time.Unix(int64(gathered[name]), 0); time.Since(at).Abs() > 30*24*time.Hour {
			t.Errorf("%s is %s", name, at)
		}
	}
	if gathered["nrl_revocation_crl_next_update_seconds"] <= gathered["nrl_revocation_crl_this_update_seconds"] {
		t.Error("the CRL runs out before it was issued")
	}

	problems, err := testutil.CollectAndLint(collector)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

func TestCollectorShowsAnOutage(t *testing.T) {
	authority, chain := pki(t)
	crls := &revocation.CRLs{Fetcher: authority.Fetcher()}
	authority.Fail(revocationtest.WebPage)
	if err := (&revocation.Checker{Sources: []revocation.Source{crls}}).Check(t.Context(), chain, nil); err == nil {
		t.Fatal("accepted")
	}
	gathered := gather(t, metrics.Collector{CRLs: crls})
	if gathered["nrl_revocation_looks_failing"] != 1 || gathered["nrl_revocation_look_oldest_seconds"] != 0 {
		t.Errorf("%v", gathered)
	}
}

// gather returns the last value of each metric.
func gather(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values[family.GetName()] = m.GetGauge().GetValue()
		}
	}
	return values
}
