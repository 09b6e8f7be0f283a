// SPDX-License-Identifier: Apache-2.0

package pkcs12_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sslmate "software.sslmate.com/src/go-pkcs12"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/pkcs12"
)

const name = "provider.nhs.uk"

func said(password string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return password, nil }
}

// encoded returns a file with the certificates in the given order.
func encoded(t *testing.T, cert tls.Certificate, password string, order ...*x509.Certificate) []byte {
	t.Helper()
	data, err := sslmate.Modern2023.Encode(cert.PrivateKey, order[0], order[1:], password)
	require.NoError(t, err)
	return data
}

func TestFile(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	own := pki.Leaf(name)
	whole := [][]byte{own.Leaf.Raw, pki.SubCA.Raw, pki.Root.Raw}
	for what, test := range map[string]struct {
		data  []byte
		pass  func(context.Context) (string, error)
		chain [][]byte
		want  string
	}{
		"the leaf first":       {encoded(t, own, "pass", own.Leaf, pki.SubCA, pki.Root), said("pass"), whole, ""},
		"the leaf last":        {encoded(t, own, "pass", pki.Root, pki.SubCA, own.Leaf), said("pass"), whole, ""},
		"CAs that are not its": {encoded(t, own, "pass", own.Leaf, pki.Sibling, pki.SubCA), said("pass"), whole[:2], ""},
		"an empty password":    {encoded(t, own, "", own.Leaf, pki.SubCA), nil, whole[:2], ""},
		"another password":     {encoded(t, own, "pass", own.Leaf, pki.SubCA), said("word"), nil, "password"},
		"no password to be had": {encoded(t, own, "pass", own.Leaf, pki.SubCA),
			func(context.Context) (string, error) { return "", errors.New("the store is locked") }, nil, "the store is locked"},
		"no certificate of the key's": {encoded(t, own, "pass", pki.SubCA, pki.Root), said("pass"), nil, "none of its certificates"},
		"PEM":                         {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Leaf.Raw}), said("pass"), nil, "own.p12"},
		"nothing":                     {nil, said("pass"), nil, "own.p12"},
		"too much":                    {make([]byte, 1<<20+1), said("pass"), nil, "larger than"},
	} {
		path := filepath.Join(t.TempDir(), "own.p12")
		require.NoError(t, os.WriteFile(path, test.data, 0o600))
		cert, err := pkcs12.File(path, test.pass)(t.Context())
		if test.want != "" {
			assert.ErrorContains(t, err, test.want, what)
			assert.Nil(t, cert, what)
			continue
		}
		if assert.NoError(t, err, what) {
			assert.Equal(t, test.chain, cert.Certificate, what)
		}
		endpoint := pki.Endpoint(own, "ssp.nhs.uk")
		endpoint.Certificate = pkcs12.File(path, test.pass)
		_, err = endpoint.ServerConfig()
		assert.NoError(t, err, what)
	}
	_, err := pkcs12.File(filepath.Join(t.TempDir(), "none.p12"), nil)(t.Context())
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A key may have several certificates in a file: one that was renewed beside the one
// before, or one that is self-signed, as key tools begin with.
func TestFileOfAKeyWithSeveralCertificates(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	own := pki.Leaf(name)
	renewed := pki.Leaf(name, func(c *x509.Certificate) { c.NotBefore = own.Leaf.NotBefore.Add(time.Minute) }).Leaf
	require.Equal(t, own.Leaf.PublicKey, renewed.PublicKey)
	template := *own.Leaf
	template.NotBefore, template.NotAfter = own.Leaf.NotBefore.Add(-time.Minute), own.Leaf.NotAfter.AddDate(10, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, own.Leaf.PublicKey, own.PrivateKey)
	require.NoError(t, err)
	selfSigned, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	for what, test := range map[string]struct{ order, chain []*x509.Certificate }{
		"self-signed before": {[]*x509.Certificate{selfSigned, own.Leaf, pki.SubCA}, []*x509.Certificate{own.Leaf, pki.SubCA}},
		"self-signed after":  {[]*x509.Certificate{own.Leaf, pki.SubCA, selfSigned}, []*x509.Certificate{own.Leaf, pki.SubCA}},
		"renewed before":     {[]*x509.Certificate{renewed, own.Leaf, pki.SubCA}, []*x509.Certificate{renewed, pki.SubCA}},
		"renewed after":      {[]*x509.Certificate{own.Leaf, renewed, pki.SubCA}, []*x509.Certificate{renewed, pki.SubCA}},
	} {
		path := filepath.Join(t.TempDir(), "own.p12")
		require.NoError(t, os.WriteFile(path, encoded(t, own, "pass", test.order...), 0o600))
		cert, err := pkcs12.File(path, said("pass"))(t.Context())
		require.NoError(t, err, what)
		var chain [][]byte
		for _, c := range test.chain {
			chain = append(chain, c.Raw)
		}
		assert.Equal(t, chain, cert.Certificate, what)
	}
}

func TestFileIsReadAgainWhenItChanges(t *testing.T) {
	pki := testpki.Spine()
	older, newer := pki.Leaf(name), pki.Leaf(name)
	files := [][]byte{encoded(t, older, "pass", older.Leaf, pki.SubCA), encoded(t, newer, "pass", newer.Leaf, pki.SubCA)}
	path := filepath.Join(t.TempDir(), "own.p12")
	write := func(data []byte) { require.NoError(t, os.WriteFile(path, data, 0o600)) }
	write(files[0])
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		source := pkcs12.File(path, func(context.Context) (string, error) { asked++; return "pass", nil })
		first := testpki.Unchanged(t, source, &asked)

		write(files[1][:len(files[1])/2])
		time.Sleep(time.Minute)
		kept, err := source(t.Context())
		assert.Error(t, err)
		assert.Same(t, first, kept)
		write(files[1])
		kept, err = source(t.Context())
		assert.Error(t, err, "not looked at again within the second")
		assert.Same(t, first, kept)
		time.Sleep(time.Second)
		renewed, err := source(t.Context())
		require.NoError(t, err)
		assert.Equal(t, newer.Leaf.Raw, renewed.Certificate[0])
	})
}

// What openssl writes, with its present and its legacy algorithms.
func TestFileOfOpenSSL(t *testing.T) {
	t.Parallel()
	openssl := testenv.Need(t, "openssl", "openssl")
	pki := testpki.Spine()
	own := pki.Leaf(name)
	files := pki.Write(t, own)
	for what, options := range map[string][]string{"as it does": nil, "3DES and SHA-1": {"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}} {
		path := filepath.Join(t.TempDir(), "own.p12")
		args := append([]string{"pkcs12", "-export", "-in", files.Cert, "-inkey", files.Key, "-out", path, "-passout", "stdin"}, options...)
		cmd := exec.CommandContext(t.Context(), openssl, args...)
		cmd.Stdin = bytes.NewReader([]byte("pass\n"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		cert, err := pkcs12.File(path, said("pass"))(t.Context())
		require.NoError(t, err, what)
		assert.Equal(t, own.Certificate, cert.Certificate, what)
	}
}
