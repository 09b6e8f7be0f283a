// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"bytes"
	"context"
	"encoding/asn1"
	"encoding/pem"
	"encoding/xml"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// scanned returns the address of an engine's server and the suites it has.
func (engine *ourEngine) scanned(t *testing.T) (addr string, suites []string) {
	for _, s := range tlsconfig.Suites() {
		if engine.has(s) {
			suites = append(suites, s.String())
		}
	}
	return engine.answer(t, serverEndpoint()), suites
}

func TestSSLScanFindsTheProfileAndNoMore(t *testing.T) {
	needLibrary(t)
	testenv.Need(t, "sslscan", "sslscan")
	files := spine().Write(t, spine().Leaf(clientName))
	for _, engine := range ourEngines {
		t.Run(engine.name, func(t *testing.T) {
			addr, want := engine.scanned(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "sslscan", "--certs="+files.Cert, "--pk="+files.Key, "--xml=-", addr).Output()
			require.NoError(t, err)
			var scan struct {
				Test struct {
					Protocols []struct {
						Type    string `xml:"type,attr"`
						Version string `xml:"version,attr"`
						Enabled string `xml:"enabled,attr"`
					} `xml:"protocol"`
					Ciphers []struct {
						Version string `xml:"sslversion,attr"`
						Name    string `xml:"cipher,attr"`
						DHE     string `xml:"dhebits,attr"`
					} `xml:"cipher"`
					Renegotiation struct {
						Supported string `xml:"supported,attr"`
						Secure    string `xml:"secure,attr"`
					} `xml:"renegotiation"`
					Compression struct {
						Supported string `xml:"supported,attr"`
					} `xml:"compression"`
				} `xml:"ssltest"`
			}
			require.NoError(t, xml.Unmarshal(out[bytes.IndexByte(out, '<'):], &scan), "%s", out)
			for _, p := range scan.Test.Protocols {
				assert.Equal(t, p.Type+p.Version == "tls1.2", p.Enabled == "1", "%s %s", p.Type, p.Version)
			}
			var got []string
			for _, c := range scan.Test.Ciphers {
				assert.Equal(t, "TLSv1.2", c.Version)
				got = append(got, c.Name)
				if c.DHE != "" && c.Name[:3] == "DHE" {
					assert.Equal(t, "2048", c.DHE)
				}
			}
			assert.Equal(t, want, got, "in the guidance's order")
			assert.NotEqual(t, "1", scan.Test.Compression.Supported)
		})
	}
}

func TestNmapFindsTheProfileAndNoMore(t *testing.T) {
	if testing.Short() {
		t.Skip("scans every suite that nmap knows")
	}
	needLibrary(t)
	testenv.Need(t, "nmap", "nmap")
	for _, engine := range ourEngines {
		t.Run(engine.name, func(t *testing.T) {
			addr, _ := engine.scanned(t)
			_, port, err := net.SplitHostPort(addr)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "nmap", "-n", "-Pn", "--script", "+ssl-enum-ciphers", "-p", port, "127.0.0.1").CombinedOutput()
			require.NoError(t, err, "%s", out)
			var want []string
			for _, s := range tlsconfig.Suites() {
				if engine.has(s) {
					want = append(want, s.IANA())
				}
			}
			assert.Equal(t, want, regexp.MustCompile(`TLS_[A-Z0-9_]+`).FindAllString(string(out), -1), "%s", out)
			assert.Equal(t, [][]byte{[]byte("TLSv1.2:")}, regexp.MustCompile(`(?:SSLv|TLSv)[0-9.]+:`).FindAll(out, -1), "%s", out)
			assert.Contains(t, string(out), "cipher preference: server")
		})
	}
}

func TestAPeerThatRenegotiatesIsCutOff(t *testing.T) {
	needLibrary(t)
	testenv.Need(t, "openssl", "openssl")
	files := spine().Write(t, spine().Leaf(clientName))
	newServer := rawServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", l.Addr().String(), "-tls1_2", "-cert", files.Cert, "-key", files.Key)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	inner, err := l.Accept()
	require.NoError(t, err)
	conn := newServer(inner)
	defer conn.Close()
	require.NoError(t, conn.Handshake())
	_, err = in.Write([]byte("R\n"))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "renegotiation")
	_, err = conn.Write([]byte("x"))
	require.ErrorContains(t, err, "renegotiation")
	in.Close()
	_ = cmd.Wait()
	assert.Contains(t, out.String(), "no renegotiation")
}

// The system's configuration may loosen OpenSSL for other programs. Of the
// options of one line an SSL_CTX reads none behind one that only its other end has.
func TestTheSystemsConfigurationDoesNotLoosenTheProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts this program anew for each configuration")
	}
	needLibrary(t)
	configured(t, `MinProtocol = TLSv1
MaxProtocol = TLSv1.3
CipherString = ALL:@SECLEVEL=0
Options = UnsafeLegacyRenegotiation,SessionTicket,Compression
1.Options = -ServerPreference
2.Options = UnsafeLegacyServerConnect
3.Options = ClientRenegotiation
VerifyMode = Once`,
		"^(TestForeignProtocolsAndSuitesAreRefused|TestTheGuidancesOrderBeatsTheClients|TestNoSessionIsEverResumed.*|TestTheOptions.*|TestWeakKeys.*|TestAPeerThatRenegotiatesIsCutOff|TestAClientWithoutACertificateIsRefused|TestEachSuiteNegotiatesAlone)$")
}

// configured runs tests in a process whose libssl has been configured with lines for all
// programs. A line changes each handshake or none, so that fewer offers are made.
func configured(t *testing.T, lines, tests string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openssl.cnf")
	require.NoError(t, os.WriteFile(file, []byte("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = hostile\n[hostile]\n"+lines+"\n"), 0o600))
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, "-test.run", tests)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+file, "OFFERS=12")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), "no tests to run")
}

// Each line would have libssl choose another suite, or fail every handshake.
func TestNoLineOfTheSystemsConfigurationChangesTheProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts this program anew for each configuration")
	}
	needLibrary(t)
	for _, line := range []string{
		"Groups = P-521",
		"Groups = ffdhe2048",
		"Curves = secp224r1",
		"SignatureAlgorithms = RSA+SHA224",
		"SignatureAlgorithms = ECDSA+SHA256",
		"ClientSignatureAlgorithms = RSA+SHA1",
		"ClientSignatureAlgorithms = ed25519",
		"CipherString = AES128-SHA",
		"Ciphersuites = TLS_AES_128_GCM_SHA256",
		"MinProtocol = TLSv1.3",
		"MaxProtocol = TLSv1.1",
		"Options = -EncryptThenMac,SessionTicket,UnsafeLegacyServerConnect",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			configured(t, line, "^(TestTheGuidancesOrderBeatsTheClients|TestEachSuiteNegotiatesAlone)$")
		})
	}
}

// crypto/tls as a client resumes by ticket only; others do by session ID, too.
func TestNoSessionIsEverResumedByItsID(t *testing.T) {
	needLibrary(t)
	testenv.Need(t, "openssl", "openssl")
	addr := serve(t, serverEndpoint(), http.NotFoundHandler())
	files := spine().Write(t, spine().Leaf(clientName))
	cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-connect", addr, "-tls1_2", "-no_ticket", "-cert", files.Cert, "-key", files.Key)
	cmd.Stdin = strings.NewReader("")
	said, _ := cmd.CombinedOutput()
	assert.Contains(t, string(said), "New, TLS")
	assert.Regexp(t, `Session-ID: *\n`, string(said), "there is nothing to resume by")
}

// The values are those of openssl/ssl.h.
func TestTheOptionsAreTheProfiles(t *testing.T) {
	needLibrary(t)
	options := map[string]uint64{
		"SSL_OP_NO_TICKET": 1 << 14, "SSL_OP_NO_COMPRESSION": 1 << 17, "SSL_OP_CIPHER_SERVER_PREFERENCE": 1 << 22, "SSL_OP_NO_RENEGOTIATION": 1 << 30,
	}
	unwanted := map[string]uint64{
		"SSL_OP_LEGACY_SERVER_CONNECT": 1 << 2, "SSL_OP_ALLOW_CLIENT_RENEGOTIATION": 1 << 8, "SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION": 1 << 18,
	}
	for role, server := range map[string]bool{"server": true, "client": false} {
		set, err := openssl.Options(clientEndpoint(), server)
		require.NoError(t, err)
		for name, bit := range options {
			assert.NotZero(t, set&bit, "%s of a %s", name, role)
		}
		for name, bit := range unwanted {
			assert.Zero(t, set&bit, "%s of a %s", name, role)
		}
	}
}

// oakleyGroup2 is the prime of 1024 bits of RFC 2409 section 6.2.
const oakleyGroup2 = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"

func TestWeakKeysOfAServersDiffieHellmanAreRefused(t *testing.T) {
	needLibrary(t)
	testenv.Need(t, "openssl", "openssl")
	weak := filepath.Join(t.TempDir(), "dh1024.pem")
	prime, ok := new(big.Int).SetString(oakleyGroup2, 16)
	require.True(t, ok)
	der, err := asn1.Marshal(struct{ P, G *big.Int }{prime, big.NewInt(2)})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(weak, pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}), 0o600))
	files := spine().Write(t, spine().Leaf(serverName))
	addr := testenv.FreeAddress(t)
	end := start(t, addr, nil, "openssl", "s_server", "-accept", addr, "-cert", files.Cert, "-key", files.Key, "-dhparam", weak,
		"-cipher", "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0", "-tls1_2", "-quiet")
	defer end()
	_, err = ourEngines[0].dial(t, clientEndpoint(), addr)
	require.ErrorContains(t, err, "dh key too small")
}
