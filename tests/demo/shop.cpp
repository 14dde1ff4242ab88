// A shop's service: reads orders from a pipe, "CUSTOMER PRODUCT" a line, and confirms each.
//
//     shop PIPE
//
// Its process id is in shop.pid.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

struct Order {
  std::string customer, product;
};

struct Session {
  std::string greeting;
  std::vector<std::string> basket;
};

class Shop {
 public:
  void confirm(const Order& order) {
    Session& session = session_of(order);
    session.basket.push_back(order.product);
    std::cout << session.greeting << " " << order.product << " is on its way." << std::endl;
  }

 private:
  Session& session_of(const Order& order) {
    const auto [session, is_new] = sessions_.try_emplace(order.customer);
    if (is_new) session->second.greeting = "Thank you for your order, " + order.customer + "!";
    return session->second;  // nobody ever logs out
  }

  std::map<std::string, Session> sessions_;
};

int main(int, char** arguments) {
  std::ofstream("shop.pid") << getpid() << std::endl;
  Shop shop;
  while (true) {
    std::ifstream orders(arguments[1]);
    for (Order order; orders >> order.customer >> order.product;) shop.confirm(order);
  }
}
