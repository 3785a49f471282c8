// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tls_rig.h"

namespace colo {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;

/// The lengths of the records in what was encrypted.
std::vector<size_t> records_in(Bytes bytes) {
    constexpr size_t kRecordHeader = 5;
    std::vector<size_t> lengths;
    while (bytes.size() >= kRecordHeader) {
        lengths.push_back(static_cast<size_t>(bytes[3]) << 8 | bytes[4]);
        bytes = bytes.subspan(std::min(bytes.size(), kRecordHeader + lengths.back()));
    }
    return lengths;
}

/// A record's, without what TLS adds: the content's type and the tag.
constexpr size_t kOverhead = 17;
constexpr size_t kWhole = TlsSession::kRecordBytes + kOverhead;

class TlsSessionTest : public TlsTest {
  protected:
    TlsSessionTest() { shake_hands(); }

    static std::vector<iovec> vectors(std::vector<std::vector<uint8_t>>& pieces) {
        std::vector<iovec> vectors;
        for (auto& piece : pieces) vectors.push_back({piece.data(), piece.size()});
        return vectors;
    }
    std::string decrypted() {
        std::string all;
        std::array<uint8_t, 20'000> into;
        for (size_t size = 0; server_->read(into, size) == TlsSession::Step::kDone;) {
            all.append(into.begin(), into.begin() + static_cast<ptrdiff_t>(size));
        }
        return all;
    }
};

TEST_F(TlsSessionTest, WhatIsEncryptedIsDecrypted) {
    ASSERT_EQ(client_->failure() + server_->failure(), "");
    std::vector<std::vector<uint8_t>> pieces = {{'a', 'b'}, {}, {'c'}};
    EXPECT_EQ(client_->write(vectors(pieces)), 3u);
    carry(*client_, *server_);
    EXPECT_EQ(decrypted(), "abc");
}

TEST_F(TlsSessionTest, RecordsAreWholeWhereThereIsEnough) {
    std::vector<std::vector<uint8_t>> one = {std::vector<uint8_t>(65536)};
    EXPECT_EQ(client_->write(vectors(one)), 65536u);
    EXPECT_THAT(records_in(client_->output()), ElementsAre(kWhole, kWhole, kWhole, kWhole));
    client_->consume(client_->output().size());
    std::vector<std::vector<uint8_t>> packets(48, std::vector<uint8_t>(1448 + 24));
    EXPECT_EQ(client_->write(vectors(packets)), 48u * 1472);
    EXPECT_THAT(records_in(client_->output()), ElementsAre(kWhole, kWhole, kWhole, kWhole, 48 * 1472 - 4 * 16384 + kOverhead));
}

TEST_F(TlsSessionTest, LittleIsEncryptedAhead) {
    std::vector<std::vector<uint8_t>> much = {std::vector<uint8_t>(1 << 20)};
    const size_t written = client_->write(vectors(much));
    EXPECT_LT(written, much[0].size());
    EXPECT_LE(client_->output().size(), TlsSession::kMaxOutput + kWhole + 5);
    EXPECT_EQ(client_->write(vectors(much)), 0u);  // what is there goes first
    client_->consume(client_->output().size() - 1);
    EXPECT_EQ(client_->output().size(), 1u);
    EXPECT_EQ(client_->write(vectors(much)), 0u);
    client_->consume(1);
    EXPECT_GT(client_->write(vectors(much)), 0u);
}

TEST_F(TlsSessionTest, BytesMayComeOneByOne) {
    std::vector<std::vector<uint8_t>> pieces = {{'d', 'r', 'i', 'p'}};
    client_->write(vectors(pieces));
    std::string got;
    for (const uint8_t byte : client_->output()) {
        server_->space()[0] = byte;
        server_->commit(1);
        got += decrypted();
    }
    EXPECT_EQ(got, "drip");
}

TEST_F(TlsSessionTest, AlteredBytesAreAFailure) {
    std::vector<std::vector<uint8_t>> pieces = {{'a'}};
    client_->write(vectors(pieces));
    std::vector<uint8_t> bytes(client_->output().begin(), client_->output().end());
    bytes.back() ^= 1;
    give(*server_, bytes);
    EXPECT_EQ(decrypted(), "");
    EXPECT_NE(server_->failure(), "");
}

TEST_F(TlsSessionTest, AnEndWithoutGoodbyeIsOne) {
    server_->peer_closed();
    EXPECT_EQ(decrypted(), "");
    EXPECT_EQ(server_->failure(), "the other end closed it");
}

using TlsHandshakeTest = TlsTest;

TEST_F(TlsHandshakeTest, PlaintextIsNamed) {
    const std::string plain = "GET / HTTP/1.0\r\n\r\n";
    give(*server_, Bytes(reinterpret_cast<const uint8_t*>(plain.data()), plain.size()));
    EXPECT_EQ(server_->handshake(), TlsSession::Step::kFailed);
    EXPECT_THAT(server_->failure(), HasSubstr("does not speak TLS"));
}

TEST_F(TlsHandshakeTest, WaitsForTheOtherEnd) {
    EXPECT_EQ(server_->handshake(), TlsSession::Step::kNeedsMore);
    EXPECT_EQ(client_->handshake(), TlsSession::Step::kNeedsMore);
    EXPECT_FALSE(client_->output().empty());
}

TEST_F(TlsHandshakeTest, AnOlderVersionIsRefusedByAnAlert) {
    OlderClient older;
    give(*server_, older.first_words());
    EXPECT_EQ(server_->handshake(), TlsSession::Step::kFailed);
    ASSERT_FALSE(server_->output().empty());
    EXPECT_EQ(server_->output()[0], 0x15);  // RFC 8446, 5.1: alert
}

TEST_F(TlsHandshakeTest, AnEndInTheMiddleIsOne) {
    client_->handshake();
    carry(*client_, *server_);
    server_->handshake();
    server_->peer_closed();
    EXPECT_EQ(server_->handshake(), TlsSession::Step::kFailed);
    EXPECT_EQ(server_->failure(), "the other end closed it");
}

}  // namespace
}  // namespace colo
