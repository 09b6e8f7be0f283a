// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A process of the tests is this program: the test binary, told so.
const asProgram = "PROVIDER_TEST_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A deployment is a Spine, a provider's files, and the Redis of its fleet.
type deployment struct {
	pki   *spinetest.PKI
	dir   string
	redis string
}

func newDeployment(t *testing.T) *deployment {
	d := &deployment{pki: spinetest.NewPKI(), dir: t.TempDir(), redis: testenv.FreeAddress(t)}
	t.Cleanup(d.pki.Close)
	own := d.pki.Issue("provider.nhs.uk")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"roots.pem": {Type: "CERTIFICATE", Bytes: d.pki.Root.Raw}, "subcas.pem": {Type: "CERTIFICATE", Bytes: d.pki.SubCA.Raw},
		"own.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(d.dir, name), pem.EncodeToMemory(block), 0o600))
	}
	var chain []byte
	for _, der := range own.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "own.pem"), chain, 0o600))
	host, port, err := net.SplitHostPort(d.redis)
	require.NoError(t, err)
	server := exec.Command(testenv.Need(t, "redis-server", "redis-server"), "--bind", host, "--port", port, "--save", "", "--dir", t.TempDir())
	require.NoError(t, server.Start())
	t.Cleanup(func() { _, _ = server.Process.Kill(), server.Wait() })
	client := redis.NewClient(&redis.Options{Addr: d.redis})
	defer client.Close()
	require.Eventually(t, func() bool { return client.Ping(context.Background()).Err() == nil }, time.Minute, 10*time.Millisecond)
	return d
}

// provider starts the program and returns its URL. It may fetch from the hosts.
func (d *deployment) provider(t *testing.T, hosts string) (url string) {
	program, err := os.Executable()
	require.NoError(t, err)
	file := func(name string) string { return filepath.Join(d.dir, name) }
	cmd := exec.Command(program, "-redis", d.redis, "-cert", file("own.pem"), "-key", file("own.key"), "-roots", file("roots.pem"),
		"-subcas", file("subcas.pem"), "-fqdn", "ssp.nhs.uk", "-hosts", hosts)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	d.pki.SetHost("provider.nhs.uk", address)
	return "https://provider.nhs.uk/"
}

// get calls a provider with a certificate.
func (d *deployment) get(url string, cert tls.Certificate) error {
	response, err := d.pki.Client(cert, "provider.nhs.uk").Get(url)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK || string(body) != `{"record":"demo"}`+"\n" {
		err = errors.Join(err, errors.New(response.Status))
	}
	return errors.Join(err, response.Body.Close())
}

// One provider fetches, and is killed. Another, which can fetch from nowhere, serves
// from its first handshake on, and refuses the certificate that is revoked.
func TestProviderStartsWarmFromWhatAnotherFetched(t *testing.T) {
	d := newDeployment(t)
	ssp, lost := d.pki.Issue("ssp.nhs.uk"), d.pki.Issue("ssp.nhs.uk")
	d.pki.Authority.Revoke(lost.Leaf, revocation.ReasonKeyCompromise, time.Now())
	services := strings.TrimPrefix(d.pki.Authority.URL, "http://") + "," + strings.TrimPrefix(d.pki.RootService.URL, "http://")
	t.Run("one that fetches", func(t *testing.T) {
		url := d.provider(t, services)
		require.NoError(t, d.get(url, ssp))
		// What it fetched is merged beside the handshake.
		for deadline := time.Now().Add(time.Minute); d.get(d.provider(t, "nowhere.example"), ssp) != nil; {
			require.True(t, time.Now().Before(deadline), "no provider starts warm")
		}
	}) // and is killed
	url := d.provider(t, "nowhere.example")
	require.NoError(t, d.get(url, ssp))
	require.Error(t, d.get(url, lost))
}

// Without Redis, and nowhere to fetch from, there is nothing to go by.
func TestProviderRefusesWithoutRedisAndLists(t *testing.T) {
	d := newDeployment(t)
	ssp := d.pki.Issue("ssp.nhs.uk")
	require.Error(t, d.get(d.provider(t, "nowhere.example"), ssp))
	require.ErrorContains(t, run(t.Context(), nil, io.Discard), "-redis is required")
}
