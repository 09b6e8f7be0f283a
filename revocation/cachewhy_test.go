// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// What keeps a Cache from being read is said by the error of a check and by State, not
// by the log alone.
func TestCacheThatIsRefusedIsToldOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not say on Windows who may write")
	}
	const says, url = "others may write", "http://crl.example/1.crl"
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o770)) // a volume of Kubernetes with fsGroup
	cache := revocation.DirCache(dir)
	p, o := newCRLPKI(t), newOCSPPKI(t)
	leaf := p.leaf(t, points(at(urls(url))))

	crls, responses := &revocation.CRLs{Cache: cache, Time: clock}, &revocation.OCSP{Cache: cache, Time: clock}
	_, err := crls.Status(t.Context(), revocation.Query{Path: leaf, At: ocspNow})
	assert.ErrorContains(t, err, says)
	assert.ErrorContains(t, err, dir)
	_, err = responses.Status(t.Context(), o.query())
	assert.ErrorContains(t, err, says)
	checker := &revocation.Checker{Sources: []revocation.Source{crls, responses}, Time: clock}
	err = checker.Check(t.Context(), leaf, nil)
	require.ErrorAs(t, err, new(*revocation.UnknownError))
	assert.ErrorContains(t, err, says)

	// Where a list is fetched, State alone tells that it is not cached.
	server := &crlServer{}
	server.publish(url, p.ca.crl())
	crls = &revocation.CRLs{Fetcher: server, Cache: cache, Time: clock}
	good.require(t, crls, leaf, ocspNow)
	told := 0
	for _, look := range crls.State().Looks {
		if look.URL == "cache" {
			assert.ErrorContains(t, look.Err, says)
			told++
		}
	}
	assert.NotZero(t, told)
	crls.Settle() // before its folder goes
}
