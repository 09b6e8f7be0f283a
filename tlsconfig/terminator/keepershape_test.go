// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// batch restricts a list to a distribution point of leaves.
func batch(l revocationtest.CRL, url string) revocationtest.CRL {
	l.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{url}}, OnlyUserCerts: true}
	return l
}

// opensslAccepts reports whether OpenSSL, which reads CRLs from its store as the
// proxies do, accepts a leaf by the lists in a file.
func opensslAccepts(t *testing.T, pki *testpki.PKI, lists []byte, leaf *x509.Certificate, flags ...string) bool {
	t.Helper()
	dir := t.TempDir()
	store, cert := filepath.Join(dir, "store.pem"), filepath.Join(dir, "cert.pem")
	var text []byte
	for _, ca := range []*x509.Certificate{pki.Root, pki.SubCA} {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})...)
	}
	require.NoError(t, os.WriteFile(store, append(text, lists...), 0o600))
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600))
	out, err := exec.CommandContext(t.Context(), "openssl", append(append([]string{"verify", "-CAfile", store}, flags...), cert)...).CombinedOutput()
	if err != nil {
		t.Logf("%s", bytes.TrimSpace(out))
	}
	return err == nil
}

// OpenSSL reads the first of two lists that are as late. So the list about all of a
// CA's certificates stands before those about some, whatever revokes more.
func TestTheListAboutMostStandsFirst(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	e := newEstate(t, rootList(), subCAList())
	leaf := naming(e.pki).Leaf
	at := time.Now().Add(-time.Hour)
	full := with(subCAList(leaf.SerialNumber.Int64()), func(l *revocationtest.CRL) { l.ThisUpdate, l.Number = at, 3 })
	part := batch(with(subCAList(), func(l *revocationtest.CRL) { l.ThisUpdate, l.Number = at, 4 }), subCAURL)
	e.publish(subCAURL, full)
	require.NoError(t, e.crls.Add(part.DER()))
	require.NoError(t, e.once(t))
	require.Len(t, e.contents(t), 3)
	assert.False(t, opensslAccepts(t, e.pki, e.read(t), leaf, "-crl_check_all"))
	assert.True(t, opensslAccepts(t, e.pki, inPEM(rootList(), part, full), leaf, "-crl_check_all"), "the order decides")
	assert.Empty(t, e.keeper.State().Problems)
}

// What OpenSSL would accept by the lists that it reads, though another revokes it, is
// said with its serial number.
func TestGapsAreNamed(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	pki := testpki.Spine()
	leaf := naming(pki).Leaf
	serial := leaf.SerialNumber.Int64()
	for name, c := range map[string]struct {
		lists []revocationtest.CRL
		want  terminator.ProblemKind
	}{
		"a later partition before a full list that revokes": {
			[]revocationtest.CRL{subCAList(serial), batch(newer(subCAList()), subCAURL)}, terminator.Gap},
		"a list that runs against the one that decides": {
			[]revocationtest.CRL{between(subCAList(serial), -2*time.Hour, 20*time.Hour, 9), between(subCAList(), -time.Hour, 20*time.Hour, 3)}, terminator.Gap},
		"two lists as late and of one number": {
			[]revocationtest.CRL{between(subCAList(serial), -time.Hour, 20*time.Hour, 9), between(subCAList(1<<40, 1<<41), -time.Hour, 20*time.Hour, 9)}, terminator.Gap},
		"a list that begins later": {
			[]revocationtest.CRL{subCAList(), between(subCAList(serial), 2*time.Hour, 20*time.Hour, 9)}, terminator.Gap},
		"a delta CRL": {
			[]revocationtest.CRL{subCAList(), with(newer(subCAList(serial)), func(l *revocationtest.CRL) { l.BaseNumber = 1 })}, terminator.Lag},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, rootList(), subCAList())
			e.serve(subCAURL, nil)
			for _, l := range c.lists {
				require.NoError(t, e.crls.Add(l.DER()))
			}
			_ = e.once(t) // the URL brings nothing
			i := -1
			for j, p := range e.keeper.State().Problems {
				if p.Kind == c.want {
					require.Equal(t, -1, i, "once")
					i = j
				}
			}
			require.NotEqual(t, -1, i)
			assert.Equal(t, []*big.Int{leaf.SerialNumber}, e.keeper.State().Problems[i].Serials)
			assert.True(t, opensslAccepts(t, pki, e.read(t), leaf, "-crl_check_all"), "the proxy accepts it")
			answer, err := e.crls.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{leaf, pki.SubCA, pki.Root}, At: time.Now()})
			require.NoError(t, err)
			assert.Equal(t, revocation.Revoked, answer.Status, "the front refuses it")
		})
	}
}

func TestPartitionsThatDoNotOverlapHaveNoGap(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), batch(subCAList(1, 2), subCAURL))
	require.NoError(t, e.crls.Add(batch(newer(subCAList(3)), "http://crl.nhs.uk/8.crl").DER()))
	require.NoError(t, e.crls.Add(between(subCAList(1, 2, 3), -2*time.Hour, time.Hour, 1).DER()), "of all of them")
	require.NoError(t, e.once(t))
	assert.Len(t, e.contents(t), 4)
	assert.Empty(t, e.keeper.State().Problems)
}

// A root's own list with a distribution point has OpenSSL refuse everyone, but for
// programs that look up the leaf alone.
func TestAuthorityListWithADistributionPoint(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	pki := testpki.Spine()
	leaf := pki.Leaf(sspFQDN).Leaf
	arl := with(rootList(), func(l *revocationtest.CRL) {
		l.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{rootURL}}, OnlyCACerts: true}
	})
	assert.False(t, opensslAccepts(t, pki, inPEM(arl, subCAList()), leaf, "-crl_check_all"))
	unnamed := with(arl, func(l *revocationtest.CRL) { l.Scope = &revocationtest.Scope{OnlyCACerts: true} })
	assert.True(t, opensslAccepts(t, pki, inPEM(unnamed, subCAList()), leaf, "-crl_check_all"))

	for _, program := range []terminator.Program{terminator.Nginx, terminator.HAProxy, terminator.Apache} {
		e := newEstate(t, arl, subCAList())
		e.keeper.Program = program
		require.Error(t, e.once(t))
		_, err := os.Stat(e.file)
		require.ErrorIs(t, err, os.ErrNotExist, "%s would refuse everyone", program)
		e = newEstate(t, unnamed, subCAList())
		e.keeper.Program = program
		require.NoError(t, e.once(t), "%s", program)
	}
	e := newEstate(t, arl, subCAList())
	e.keeper.Program, e.keeper.LeafCRLs = terminator.Apache, true
	require.NoError(t, e.once(t))
	assert.True(t, opensslAccepts(t, pki, e.read(t), leaf, "-crl_check"))
	e.keeper.Program = terminator.Nginx
	require.ErrorContains(t, e.once(t), "leaves alone")

	e = newEstate(t, arl, subCAList())
	e.keeper.Program = terminator.Stunnel
	require.NoError(t, e.once(t), "it looks at the list of the leaf's issuer alone")
}

// A program that looks at no list about a SubCA accepts the peers of one that is
// revoked, which is said.
func TestARevokedSubCAThatTheProgramDoesNotSeeIsNamed(t *testing.T) {
	t.Parallel()
	for program, seen := range map[terminator.Program]bool{terminator.Stunnel: false, terminator.Apache: false, terminator.Nginx: true} {
		pki := testpki.Spine()
		e := newEstate(t, rootList(), subCAList())
		e.keeper.Program, e.keeper.LeafCRLs = program, program == terminator.Apache
		require.NoError(t, e.once(t))
		assert.Empty(t, e.keeper.State().Problems)
		e = newEstate(t, rootList(pki.SubCA.SerialNumber.Int64()), subCAList())
		e.keeper.Program, e.keeper.LeafCRLs = program, program == terminator.Apache
		require.NoError(t, e.once(t))
		if seen {
			assert.Empty(t, e.keeper.State().Problems)
			continue
		}
		if assert.Equal(t, []terminator.ProblemKind{terminator.Gap}, problems(e.keeper.State()), program) {
			assert.Equal(t, []*big.Int{pki.SubCA.SerialNumber}, e.keeper.State().Problems[0].Serials)
		}
		assert.Contains(t, e.log.String(), "level=WARN")
	}
}

// A revoked SubCA reaches the proxy, though it refuses everyone.
func TestARevokedSubCAReachesTheProxy(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	pki := testpki.Spine()
	e := newEstate(t, rootList(pki.SubCA.SerialNumber.Int64()), subCAList())
	require.NoError(t, e.once(t))
	assert.False(t, opensslAccepts(t, pki, e.read(t), pki.Leaf(sspFQDN).Leaf, "-crl_check_all"))
}

func TestOutageIsWarnedOfInThreeSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life  time.Duration
		steps []time.Duration // left of it
	}{
		"a list of 90 days":  {90 * 24 * time.Hour, []time.Duration{90 * 24 * time.Hour / 4, 7 * 24 * time.Hour, 24 * time.Hour}},
		"a list of one year": {365 * 24 * time.Hour, []time.Duration{30 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour}},
		"a list of a day":    {24 * time.Hour, []time.Duration{6 * time.Hour, 3 * time.Hour, 90 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lasting := func(l *revocationtest.CRL) { l.NextUpdate = time.Now().Add(10 * c.life) }
			began := time.Now().Truncate(time.Second)
			short := func(l *revocationtest.CRL) { l.ThisUpdate, l.NextUpdate = began, began.Add(c.life) }
			e := newEstate(t, with(rootList(), lasting), with(subCAList(7), short))
			var at atomic.Int64 // how long ago it began
			e.crls.Time = func() time.Time { return began.Add(time.Duration(at.Load())) }
			e.crls.Refresh = 24 * time.Hour
			require.NoError(t, e.once(t))
			before := e.read(t)
			e.serve(subCAURL, nil)
			e.serve(rootURL, nil)
			for i, left := range c.steps {
				at.Store(int64(c.life - left - time.Minute))
				require.NoError(t, e.once(t))
				assert.Equal(t, i, e.records("CRL file of nginx: expiring"))
				at.Store(int64(c.life - left + time.Minute))
				require.NoError(t, e.once(t))
				assert.Equal(t, i+1, e.records("CRL file of nginx: expiring"))
			}
			at.Store(int64(c.life + time.Minute))
			require.ErrorContains(t, e.once(t), "expired")
			assert.Equal(t, 1, e.records("CRL file of nginx: expired"))
			assert.Equal(t, before, e.read(t), "the last good file")
			require.NoError(t, e.crls.Add(with(subCAList(7), func(l *revocationtest.CRL) {
				l.ThisUpdate, l.NextUpdate, l.Number = began.Add(c.life), began.Add(2*c.life), 7
			}).DER()))
			require.NoError(t, e.once(t))
			assert.Len(t, e.contents(t), 2)
			assert.NotEqual(t, before, e.read(t))
		})
	}
}

// A list of the future waits until it begins.
func TestAListIsWrittenWhenItBegins(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), between(subCAList(), -time.Hour, 20*time.Hour, 1))
		e.run(t)
		after(10 * time.Second)
		e.publish(subCAURL, between(subCAList(7), 4*time.Minute, 20*time.Hour, 2))
		before := e.read(t)
		after(3 * time.Minute)
		assert.Equal(t, before, e.read(t))
		after(2 * time.Minute)
		assert.NotEqual(t, before, e.read(t))
		assert.True(t, e.keeper.State().Complete)
	})
}

// Neither a clock that is set back nor a restart has an older list written.
func TestNoOlderListTakesTheFilesPlace(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), between(subCAList(), -time.Hour, 20*time.Hour, 1))
		require.NoError(t, os.WriteFile(e.file, inPEM(rootList(), between(subCAList(7), 2*time.Hour, 20*time.Hour, 2)), 0o600))
		e.run(t)
		after(time.Minute)
		var kept bool
		for _, l := range e.contents(t) {
			kept = kept || len(l.RevokedCertificateEntries) == 1
		}
		assert.True(t, kept)
		assert.Contains(t, problems(e.keeper.State()), terminator.NotBegun)
		after(2 * time.Hour)
		assert.True(t, e.keeper.State().Complete)
	})
}

func TestEnvoysFileIsOneOfItsDiscoveryService(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	e.file = filepath.Join(filepath.Dir(e.file), "crls.json")
	e.keeper.Program, e.keeper.File = terminator.Envoy, e.file
	require.NoError(t, e.once(t))
	var file map[string]any
	require.NoError(t, json.Unmarshal(e.read(t), &file))
	resources := file["resources"].([]any)
	require.Len(t, resources, 1)
	secret := resources[0].(map[string]any)
	assert.Equal(t, "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", secret["@type"])
	assert.Equal(t, "spine_crls", secret["name"])
	crl := secret["validation_context"].(map[string]any)["crl"].(map[string]any)
	assert.Len(t, listsIn(t, []byte(crl["inline_string"].(string))), 2)

	before := e.read(t)
	again := &terminator.Keeper{CRLs: &revocation.CRLs{KeepDER: true}, Pins: e.keeper.Pins, Program: terminator.Envoy, File: e.file}
	require.NoError(t, again.Once(context.Background()), "all that is needed is in the file")
	assert.Equal(t, before, e.read(t))

	e.keeper.File = filepath.Join(filepath.Dir(e.file), "crls.pem")
	require.ErrorContains(t, e.keeper.Validate(), ".json")
}
