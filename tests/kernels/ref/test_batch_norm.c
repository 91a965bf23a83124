/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_batch_norm_by_channel) {
    node_test t = node_begin();
    qn_tensor var = pattern(&t, 5, DIMS(3));
    for (int i = 0; i < 3; i++)
        ((float *)var.data)[i] = (((float *)var.data)[i] < 0 ? -((float *)var.data)[i] : ((float *)var.data)[i]) + 0.5f;
    const qn_tensor *y = run_ref(&t, "BatchNormalization {epsilon=0.001}", 1,
                                 IN(pattern(&t, 1, DIMS(2, 3, 2, 2)), pattern(&t, 2, DIMS(3)), pattern(&t, 3, DIMS(3)),
                                    pattern(&t, 4, DIMS(3)), var));
    expect(&y[0], REF_TOL,
           F32(1.73751616f, 2.59983032f, 1.10015352f, 1.8125f, 0.815527285f, -0.285790928f, 3.23842735f, 2.430794f,
               -1.28908851f, -1.47840539f, -1.61363174f, -1.47840539f, 1.96246768f, 1.6250404f, 1.51256464f,
               1.02516968f, -0.359212142f, 0.888948499f, 2.28395157f, 3.23842735f, -1.99226552f, -1.31613378f,
               -2.23567295f, -1.66772228f),
           DIMS(2, 3, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_batch_norm_instance) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "InstanceNormalization {epsilon=0.01}", 1,
                IN(pattern(&t, 1, DIMS(2, 3, 2, 2)), pattern(&t, 2, DIMS(3)), pattern(&t, 3, DIMS(3))));
    expect(&y[0], REF_TOL,
           F32(1.7162449f, 2.82317857f, 0.898076534f, 1.8125f, -0.524363875f, -1.87340969f, 2.44353691f, 1.45423665f,
               -0.403171198f, -0.978602216f, -1.38962437f, -0.978602216f, 2.68131868f, 2.00137363f, 1.77472527f,
               0.792582418f, -1.92903726f, -0.393012421f, 1.32372123f, 2.49832846f, -1.1412027f, -0.413693051f,
               -1.40310618f, -0.79199807f),
           DIMS(2, 3, 2, 2));
    node_end(&t);
}
