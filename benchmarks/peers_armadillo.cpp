// Run EM passes of Armadillo's Gaussian mixtures for peers.py; print the seconds that learn() took.
//
// Usage: peers_armadillo FOLDER full|diag FEATURES COMPONENTS PASSES; without arguments, print Armadillo's version.
//
// FOLDER holds raw doubles: rows, weights, means and covariances, the last three of which are overwritten by the
// result. NumPy's rows in C order are Armadillo's columns, so nothing is transposed.

#include <armadillo>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

static arma::vec read(const std::string& name) {
    arma::vec values;
    if (!values.load(name, arma::raw_binary)) throw std::runtime_error("cannot read " + name);
    return values;
}

// The two models name their covariances differently, so the caller passes the place where they are.
template <typename Model, typename Covariances>
static double run(Model& model, const Covariances& fitted, const Covariances& covariances, const std::string& folder,
                  arma::uword features, arma::uword components, arma::uword passes) {
    const arma::vec values = read(folder + "rows");
    const arma::mat rows(values.memptr(), features, values.n_elem / features);
    const arma::vec means = read(folder + "means");
    const arma::vec weights = read(folder + "weights");
    model.set_params(arma::mat(means.memptr(), features, components), covariances, weights.t());

    const auto begun = std::chrono::steady_clock::now();
    // No pass of k-means, and no floor under the variances.
    const bool done = model.learn(rows, components, arma::eucl_dist, arma::keep_existing, 0, passes, 0.0, false);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    if (!done) throw std::runtime_error("learn() failed");

    const bool saved = model.hefts.save(folder + "weights", arma::raw_binary)
                       && model.means.save(folder + "means", arma::raw_binary)
                       && fitted.save(folder + "covariances", arma::raw_binary);
    if (!saved) throw std::runtime_error("cannot write to " + folder);
    return taken.count();
}

int main(int count, char** arguments) {
    if (count == 1) {
        std::cout << arma::arma_version::major << '.' << arma::arma_version::minor << '.' << arma::arma_version::patch;
        return 0;
    }
    const std::string folder = std::string(arguments[1]) + "/", structure = arguments[2];
    const arma::uword features = std::stoul(arguments[3]), components = std::stoul(arguments[4]);
    const arma::uword passes = std::stoul(arguments[5]);
    const arma::vec covariances = read(folder + "covariances");
    if (structure == "full") {
        arma::gmm_full model;
        const arma::cube matrices(covariances.memptr(), features, features, components);
        std::cout << run(model, model.fcovs, matrices, folder, features, components, passes);
    } else {
        arma::gmm_diag model;
        const arma::mat variances(covariances.memptr(), features, components);
        std::cout << run(model, model.dcovs, variances, folder, features, components, passes);
    }
}
