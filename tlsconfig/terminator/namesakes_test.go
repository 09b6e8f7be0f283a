// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// Of two pinned CAs of one name, OpenSSL tells the lists apart by the
// authorityKeyIdentifier alone. Without it the peers of one are refused, which is said.
func TestListsOfCAsOfOneName(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	pki := testpki.New(pkix.Name{Organization: []string{"nhs"}, CommonName: "sibling"})
	require.Equal(t, pki.SubCA.RawSubject, pki.Sibling.RawSubject)
	leaf := pki.Leaf("peer").Leaf
	pins, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.SubCA, pki.Sibling})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		own, other []byte // authorityKeyIdentifiers; nil: as the CA's
		accepts    bool
		unusable   int
	}{
		"both say whose they are":                     {nil, nil, true, 0},
		"neither does":                                {[]byte{}, []byte{}, false, 2},
		"the later one of the other CA does not":      {nil, []byte{}, false, 1},
		"the earlier one does not, which others read": {[]byte{}, nil, true, 1},
	} {
		own, other := listBy(pki.SubCA, "subca", nil), newer(listBy(pki.Sibling, "sibling", nil))
		own.AuthorityKeyID, other.AuthorityKeyID = test.own, test.other
		crls := &revocation.CRLs{KeepDER: true}
		for _, l := range []revocationtest.CRL{listBy(pki.Root, "root", nil), own, other} {
			require.NoError(t, crls.Add(l.DER()))
		}
		file := filepath.Join(t.TempDir(), "crls.pem")
		keeper := &terminator.Keeper{CRLs: crls, Pins: pins, Program: terminator.Nginx, File: file}
		err := keeper.Once(context.Background())
		text, rerr := os.ReadFile(file)
		require.NoError(t, rerr, name)
		require.Len(t, listsIn(t, text), 3, name)
		assert.Equal(t, test.accepts, opensslAccepts(t, pki, text, leaf, "-crl_check_all"), name)
		unusable := 0
		for _, kind := range problems(keeper.State()) {
			if kind == terminator.Unusable {
				unusable++
			}
		}
		assert.Equal(t, test.unusable, unusable, name)
		assert.Equal(t, test.unusable == 0, err == nil, "%s: %v", name, err)
	}
}

// What is advised is what Render takes: AllowNoCRLs is for nginx and HAProxy.
func TestAdviceAboutListsOfCAsOfOneName(t *testing.T) {
	t.Parallel()
	pki := testpki.New(pkix.Name{Organization: []string{"nhs"}, CommonName: "sibling"})
	pins, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.SubCA, pki.Sibling})
	require.NoError(t, err)
	crls := &revocation.CRLs{KeepDER: true}
	require.NoError(t, crls.Add(listBy(pki.Root, "root", nil).DER()))
	for signer, ca := range map[string]*x509.Certificate{"subca": pki.SubCA, "sibling": pki.Sibling} {
		list := listBy(ca, signer, nil)
		list.AuthorityKeyID = []byte{}
		require.NoError(t, crls.Add(list.DER()))
	}
	for program, allowed := range map[terminator.Program]bool{
		terminator.Nginx: true, terminator.HAProxy: true, terminator.Apache: false, terminator.Stunnel: false, terminator.Envoy: false,
	} {
		keeper := &terminator.Keeper{CRLs: crls, Pins: pins, Program: program, File: filepath.Join(t.TempDir(), "crls.json")}
		require.Error(t, keeper.Once(t.Context()), program)
		advised := 0
		for _, problem := range keeper.State().Problems {
			if problem.Kind == terminator.Unusable {
				advised++
				assert.Contains(t, problem.Detail, "Pin one of the CAs", program)
				assert.Equal(t, allowed, strings.Contains(problem.Detail, "AllowNoCRLs"), "%s: %s", program, problem.Detail)
			}
		}
		assert.Equal(t, 2, advised, program)
	}
}
