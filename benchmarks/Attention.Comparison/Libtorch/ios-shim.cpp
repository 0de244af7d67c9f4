// The one function of GCC 13's libstdc++ that TorchSharp's wrapper wants: it makes std::cout and its kin ready.
#include <ios>

extern "C" void initialise_streams() __asm__("_ZSt21ios_base_library_initv");

extern "C" void initialise_streams()
{
    static std::ios_base::Init ready;
}
