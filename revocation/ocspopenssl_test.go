// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// An opensslCA is a CA whose OCSP responses `openssl ocsp` makes from an index
// of a good, a revoked and an unknown certificate.
type opensslCA struct {
	dir                    string
	pki                    *ocspPKI
	good, revoked, unknown *ocspPKI
	revokedAt              time.Time
}

func newOpenSSLCA(t *testing.T) *opensslCA {
	testenv.Need(t, "openssl", "openssl")
	now := time.Now()
	of := func(template *x509.Certificate) *x509.Certificate {
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		return template
	}
	c := &opensslCA{dir: t.TempDir(), revokedAt: now.Add(-24 * time.Hour).UTC().Truncate(time.Second)}
	root := ocspIssue(t, of(ocspCA("Root")), testca.RSA("root"), nil)
	ca := ocspIssue(t, of(ocspCA("SubCA")), testca.RSA("ca"), root)
	c.pki = &ocspPKI{root: root, ca: ca, responder: ocspIssue(t, of(ocspResponderTemplate()), testca.RSA("responder"), ca)}
	leaf := func(serial int64) *ocspPKI {
		own := *c.pki
		own.leaf = ocspIssue(t, of(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leaf"}}), testca.RSA("leaf"), ca)
		return &own
	}
	c.good, c.revoked, c.unknown = leaf(0x1001), leaf(0x1002), leaf(0x1003)
	until := now.Add(time.Hour).UTC().Format("060102150405Z")
	c.write(t, "index.txt", fmt.Appendf(nil, "V\t%s\t\t1001\tunknown\t/CN=leaf\nR\t%s\t%s,keyCompromise\t1002\tunknown\t/CN=leaf\n",
		until, until, c.revokedAt.Format("060102150405Z")))
	for name, party := range map[string]*ocspParty{"ca": ca, "responder": c.pki.responder} {
		key, err := x509.MarshalPKCS8PrivateKey(party.key)
		require.NoError(t, err)
		c.write(t, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: party.cert.Raw}))
		c.write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	}
	return c
}

func (c *opensslCA) write(t *testing.T, name string, data []byte) {
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), data, 0o600))
}

func (c *opensslCA) args(more ...string) []string {
	return append([]string{"ocsp", "-index", "index.txt", "-CA", "ca.pem"}, more...)
}

// requireStatuses asks s about the three certificates.
func (c *opensslCA) requireStatuses(t *testing.T, s *revocation.OCSP, query func(*ocspPKI) revocation.Query) {
	a, err := s.Status(t.Context(), query(c.good))
	require.NoError(t, err)
	require.Equal(t, revocation.Good, a.Status)

	a, err = s.Status(t.Context(), query(c.revoked))
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, a.Status)
	require.Equal(t, revocation.ReasonKeyCompromise, a.Revocation.Reason)
	require.True(t, c.revokedAt.Equal(a.Revocation.Time))

	a, err = s.Status(t.Context(), query(c.unknown))
	require.ErrorIs(t, err, revocation.ErrResponder)
	require.ErrorContains(t, err, "does not know")
	require.Zero(t, a)
}

var opensslSigners = []struct {
	name string
	args []string
}{
	{"the CA", []string{"-rsigner", "ca.pem", "-rkey", "ca.key"}},
	{"the CA, by key", []string{"-rsigner", "ca.pem", "-rkey", "ca.key", "-resp_key_id"}},
	{"a delegated responder", []string{"-rsigner", "responder.pem", "-rkey", "responder.key"}},
	{"a delegated responder, by key, until a time", []string{"-rsigner", "responder.pem", "-rkey", "responder.key", "-resp_key_id", "-nmin", "10"}},
	{"a delegated responder, with SHA-512", []string{"-rsigner", "responder.pem", "-rkey", "responder.key", "-rmd", "sha512"}},
}

// TestOCSPMadeByOpenSSL staples what `openssl ocsp` makes.
func TestOCSPMadeByOpenSSL(t *testing.T) {
	c := newOpenSSLCA(t)
	for _, signer := range opensslSigners {
		t.Run(signer.name, func(t *testing.T) {
			c.requireStatuses(t, &revocation.OCSP{}, func(p *ocspPKI) revocation.Query {
				request, err := ocsp.CreateRequest(p.leaf.cert, p.ca.cert, nil)
				require.NoError(t, err)
				c.write(t, "request.der", request)
				cmd := exec.CommandContext(t.Context(), "openssl", c.args(append([]string{"-reqin", "request.der", "-respout", "response.der"}, signer.args...)...)...)
				cmd.Dir = c.dir
				output, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", output)
				response, err := os.ReadFile(filepath.Join(c.dir, "response.der"))
				require.NoError(t, err)
				return revocation.Query{Path: p.path(), At: time.Now(), Stapled: response}
			})
		})
	}
}

// TestOCSPAskedOfOpenSSL asks `openssl ocsp` over HTTP, by POST with a nonce
// and by GET without.
func TestOCSPAskedOfOpenSSL(t *testing.T) {
	c := newOpenSSLCA(t)
	for _, signer := range opensslSigners {
		t.Run(signer.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			cmd := exec.CommandContext(ctx, "openssl", c.args(append([]string{"-port", "0"}, signer.args...)...)...)
			cmd.Dir = c.dir
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			end := func() {
				stop()
				_ = cmd.Wait() // it was killed
			}
			defer end()
			line := bufio.NewScanner(out)
			var port []string
			for port == nil && line.Scan() {
				port = regexp.MustCompile(`^ACCEPT .*:(\d+)`).FindStringSubmatch(line.Text())
			}
			if port == nil {
				end()
				t.Fatal(stderr.String())
			}

			for _, noNonce := range []bool{false, true} {
				s := &revocation.OCSP{Fetcher: plainHTTP{}, Responder: "http://127.0.0.1:" + port[1], NoNonce: noNonce}
				c.requireStatuses(t, s, func(p *ocspPKI) revocation.Query {
					return revocation.Query{Path: p.path(), At: time.Now()}
				})
			}
		})
	}
}

// plainHTTP is a Fetcher for loopback.
type plainHTTP struct{}

func (plainHTTP) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if r.Body != nil {
		method, body = http.MethodPost, bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		request.Header.Set("Content-Type", r.ContentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, r.MaxBytes))
	return &revocation.Response{Body: data}, err
}
