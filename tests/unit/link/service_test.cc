// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <fstream>

#include "link/file_service.h"
#include "tests/support/link_pair.h"
#include "tests/support/socket_rig.h"

namespace colo {
namespace {

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() { pair_.run(); }

    void open(const char* service, const std::string& argument = {}) {
        ours_ = pair_.a.session->open(service, argument);
        ours_->set_user(&user_);
        pair_.run();
    }
    StreamService::Done done() {
        return [this](const LinkStatus& status) {
            ++dones_;
            served_ = status;
        };
    }
    void serve_file() {
        service_ = std::make_unique<FileService>(std::move(pair_.b.streams.back()), folder_.file(""), done());
        pair_.run();
    }
    void send(const std::string& bytes) {
        for (size_t sent = 0; sent < bytes.size();) {
            sent += ours_->write(as_bytes(bytes).subspan(sent));
            pair_.run();
        }
        ours_->finish();
        pair_.run();
    }
    std::string content(const std::string& name) {
        std::ifstream file(folder_.file(name));
        return {std::istreambuf_iterator<char>(file), {}};
    }
    size_t files() {
        size_t count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.file(""))) ++count;
        return count;
    }
    static std::string digest(const std::string& bytes) {
        gchar* text = g_compute_checksum_for_data(
            G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(bytes.data()), bytes.size());
        std::string digits = text;
        g_free(text);
        return digits;
    }

    TemporaryFolder folder_;
    LinkPair pair_;
    RecordingUser user_;
    std::unique_ptr<Stream> ours_;
    std::unique_ptr<StreamService> service_;
    int dones_ = 0;
    LinkStatus served_;
    const std::string much_ = std::string(3'000'000, 'x') + "the end";
};

TEST_F(ServiceTest, EchoSendsAllBackAndEnds) {
    open("echo");
    service_ = std::make_unique<EchoService>(std::move(pair_.b.streams.back()), done());
    send(much_);
    EXPECT_EQ(user_.got, much_);
    EXPECT_TRUE(user_.last.ok());
    EXPECT_EQ(user_.overs, 1);
    EXPECT_EQ(dones_, 1);
}

TEST_F(ServiceTest, EchoWaitsForItsReader) {
    open("echo");
    service_ = std::make_unique<EchoService>(std::move(pair_.b.streams.back()), done());
    user_.reads = false;
    size_t sent = 0;
    for (size_t part; (part = ours_->write(as_bytes(much_).subspan(sent))) > 0; sent += part) pair_.run();
    EXPECT_LT(sent, much_.size());
    EXPECT_GE(sent, StreamLimits().window);
}

TEST_F(ServiceTest, DiscardTakesAllAndEnds) {
    open("discard");
    service_ = std::make_unique<DiscardService>(std::move(pair_.b.streams.back()), done());
    send(much_);
    EXPECT_EQ(user_.got, "");
    EXPECT_EQ(user_.overs, 1);
    EXPECT_TRUE(served_.ok());
}

TEST_F(ServiceTest, AFileIsThereWhenAllOfItIs) {
    open("file", "put image");
    serve_file();
    ours_->write(as_bytes("part"));
    pair_.run();
    EXPECT_FALSE(std::filesystem::exists(folder_.file("image")));
    send(much_);
    EXPECT_EQ(content("image"), "part" + much_);
    EXPECT_EQ(user_.got, digest("part" + much_));
    EXPECT_EQ(user_.overs, 1);
    EXPECT_EQ(files(), 1u);
}

TEST_F(ServiceTest, OfAFileThatWasAbortedNothingIsLeft) {
    open("file", "put image");
    serve_file();
    ours_->write(as_bytes("part"));
    pair_.run();
    ours_->abort({LinkCode::kCancelled, "no"});
    pair_.run();
    EXPECT_EQ(served_.text, "a: no");
    service_.reset();
    EXPECT_EQ(files(), 0u);
}

TEST_F(ServiceTest, AFileComesWithItsDigest) {
    std::ofstream(folder_.file("image")) << much_;
    open("file", "get image");
    serve_file();
    ours_->finish();
    pair_.run();
    EXPECT_EQ(user_.got, much_ + digest(much_));
    EXPECT_EQ(user_.overs, 1);
}

TEST_F(ServiceTest, NamesOutsideOfTheDirectoryAreRefused) {
    for (const char* argument : {"put ../x", "get a/b", "put ", "get .", "steal x", ""}) {
        open("file", argument);
        serve_file();
        ours_->finish();
        pair_.run();
        EXPECT_EQ(user_.last.code, LinkCode::kRefused) << argument;
    }
}

TEST_F(ServiceTest, AFileThatIsNotThereIsNamed) {
    open("file", "get none");
    serve_file();
    ours_->finish();
    pair_.run();
    EXPECT_EQ(user_.last.text, "b: cannot open file 'none' after 0 bytes: No such file or directory");
}

}  // namespace
}  // namespace colo
