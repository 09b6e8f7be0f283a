// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// An estate is a CA's lists, as a CRLs fetches them, and a Keeper of a file.
type estate struct {
	pki    *testpki.PKI
	crls   *revocation.CRLs
	keeper *terminator.Keeper
	file   string
	log    *testenv.Log

	mu     sync.Mutex
	served map[string][]byte // by URL; absent: not to be had
	asked  int
}

const (
	rootURL  = "http://crl.nhs.uk/root.crl"
	subCAURL = "http://crl.nhs.uk/subca.crl"
)

// newEstate returns one whose lists, of the root and the SubCA, are as given.
func newEstate(t *testing.T, root, subCA revocationtest.CRL) *estate {
	t.Helper()
	dir := t.TempDir()
	e := &estate{pki: testpki.Spine(), file: filepath.Join(dir, "crls.pem"), log: new(testenv.Log), served: map[string][]byte{}}
	e.publish(rootURL, root)
	e.publish(subCAURL, subCA)
	logger := slog.New(slog.NewTextHandler(e.log, nil))
	e.crls = &revocation.CRLs{Fetcher: e, URLs: []string{rootURL, subCAURL}, KeepDER: true, Refresh: time.Minute}
	e.keeper = &terminator.Keeper{CRLs: e.crls, Pins: e.pki.Pins(), Program: terminator.Nginx, File: e.file, Logger: logger}
	return e
}

// rootList and subCAList describe complete lists that revoke some serial numbers.
func rootList(serials ...int64) revocationtest.CRL {
	return listBy(testpki.Spine().Root, "root", serials)
}

func subCAList(serials ...int64) revocationtest.CRL {
	return listBy(testpki.Spine().SubCA, "subca", serials)
}

func listBy(ca *x509.Certificate, key string, serials []int64) revocationtest.CRL {
	l := revocationtest.CRL{Issuer: ca, Key: testpki.Key(key), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(23 * time.Hour)}
	for _, serial := range serials {
		l.Entries = append(l.Entries, revocationtest.Entry{Serial: big.NewInt(serial)})
	}
	return l
}

// with returns a list that is changed.
func with(l revocationtest.CRL, change func(*revocationtest.CRL)) revocationtest.CRL {
	change(&l)
	return l
}

// newer returns a list of a minute ago and a higher number.
func newer(l revocationtest.CRL) revocationtest.CRL {
	l.ThisUpdate, l.Number = time.Now().Add(-time.Minute), l.Number+2
	return l
}

func (e *estate) publish(url string, l revocationtest.CRL) { e.serve(url, l.DER()) }

// serve has octets served under a URL; nil: nothing.
func (e *estate) serve(url string, body []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.served[url] = body
}

// Fetch implements revocation.Fetcher.
func (e *estate) Fetch(_ context.Context, r revocation.Request) (*revocation.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	body := e.served[r.URL]
	if body == nil {
		return nil, &revocation.FetchError{URL: r.URL, StatusCode: 503}
	}
	return &revocation.Response{Body: body}, nil
}

// once fetches and writes once.
func (e *estate) once(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = e.crls.Run(ctx) })
	defer running.Wait()
	defer cancel()
	return e.keeper.Once(ctx)
}

// contents returns the lists in the file.
func (e *estate) contents(t *testing.T) (lists []*x509.RevocationList) {
	t.Helper()
	return listsIn(t, e.read(t))
}

func (e *estate) read(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(e.file)
	require.NoError(t, err)
	return data
}

func listsIn(t *testing.T, data []byte) (lists []*x509.RevocationList) {
	t.Helper()
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		l, err := x509.ParseRevocationList(block.Bytes)
		require.NoError(t, err)
		lists = append(lists, l)
		data = rest
	}
	require.Empty(t, strings.TrimSpace(string(data)))
	return lists
}

// problems returns the kinds of problems of a state.
func problems(s terminator.KeeperState) (kinds []terminator.ProblemKind) {
	for _, p := range s.Problems {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

// inPEM returns lists as a file has them.
func inPEM(lists ...revocationtest.CRL) (text []byte) {
	for _, l := range lists {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.DER()})...)
	}
	return text
}
