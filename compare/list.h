// SPDX-License-Identifier: GPL-2.0-or-later
// Intrusive lists. A node may be in several at once, through different links.
#pragma once

#include <cstddef>

namespace colo {

/// Singly linked, first-in first-out. Does not own its nodes.
template <typename Node, Node* Node::*Next>
class Fifo {
  public:
    bool empty() const { return !head_; }
    Node* front() const { return head_; }
    Node* back() const { return tail_; }
    size_t size() const { return size_; }

    void push_back(Node* node) {
        node->*Next = nullptr;
        (tail_ ? tail_->*Next : head_) = node;
        tail_ = node;
        ++size_;
    }

    void push_front(Node* node) {
        node->*Next = head_;
        head_ = node;
        if (!tail_) tail_ = node;
        ++size_;
    }

    /// Behind `previous` (null: to the front).
    void insert_after(Node* previous, Node* node) {
        if (!previous) return push_front(node);
        if (previous == tail_) return push_back(node);
        node->*Next = previous->*Next;
        previous->*Next = node;
        ++size_;
    }

    Node* pop_front() {
        Node* node = head_;
        head_ = node->*Next;
        if (!head_) tail_ = nullptr;
        --size_;
        return node;
    }

    /// Takes out the node behind `previous` (null: the front).
    Node* take_after(Node* previous) {
        if (!previous) return pop_front();
        Node* node = previous->*Next;
        previous->*Next = node->*Next;
        if (tail_ == node) tail_ = previous;
        --size_;
        return node;
    }

  private:
    Node* head_ = nullptr;
    Node* tail_ = nullptr;
    size_t size_ = 0;
};

/// Doubly linked, for taking out of the middle. Does not own its nodes.
template <typename Node, Node* Node::*Previous, Node* Node::*Next>
class Chain {
  public:
    bool empty() const { return !head_; }
    Node* front() const { return head_; }

    void push_back(Node* node) {
        node->*Next = nullptr;
        node->*Previous = tail_;
        (tail_ ? tail_->*Next : head_) = node;
        tail_ = node;
    }

    void remove(Node* node) {
        (node->*Previous ? node->*Previous->*Next : head_) = node->*Next;
        (node->*Next ? node->*Next->*Previous : tail_) = node->*Previous;
    }

  private:
    Node* head_ = nullptr;
    Node* tail_ = nullptr;
};

}  // namespace colo
