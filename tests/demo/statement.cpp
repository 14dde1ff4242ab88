// What a day's orders add up to, by product.
//
//     statement ORDERS    lines of PRODUCT,CENTS
#include <fstream>
#include <iostream>
#include <map>
#include <string>

int main(int, char** arguments) {
  std::ifstream orders(arguments[1]);
  std::map<std::string, long> totals;
  for (std::string line; std::getline(orders, line);) {
    const auto comma = line.find(',');
    totals[line.substr(0, comma)] += std::stol(line.substr(comma + 1));
  }
  for (const auto& [product, cents] : totals) {
    std::cout << product << ": " << cents / 100 << "\n";
  }
}
